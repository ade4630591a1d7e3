"""Where a parcel is depends on what was said, never on when we heard it; and it only moves forward."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.shipping import ShipmentState
from services.shipping.tracking.domain import RANK, Status, whereabouts

START = datetime(2026, 11, 22, tzinfo=UTC)
Told = list[tuple[Status, datetime]]
EVENT = st.tuples(st.sampled_from(list(Status)), st.integers(0, 6).map(lambda hours: START + timedelta(hours=hours)))
FORWARD = [None, ShipmentState.DISPATCHED, ShipmentState.RETURNING, ShipmentState.LOST, ShipmentState.RETURNED,
           ShipmentState.DELIVERED]  # fmt: skip


@given(st.lists(EVENT, max_size=8), st.data())
def test_b10_part_f34_events_in_any_order_and_twice_end_the_same(told: Told, data: st.DataObject) -> None:
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4)) if told else told))
    assert whereabouts(again) == whereabouts(told)


@given(st.lists(EVENT, max_size=8), EVENT)
def test_part_f34_one_more_event_never_moves_a_parcel_back(told: Told, event: tuple[Status, datetime]) -> None:
    before, after = whereabouts(told), whereabouts([*told, event])
    assert FORWARD.index(after.state) >= FORWARD.index(before.state)
    if before.state is ShipmentState.DELIVERED:
        assert (after.state, after.status) == (before.state, before.status)


@given(st.lists(EVENT, max_size=8), EVENT)
def test_part_f34_an_older_event_changes_nothing_newer(told: Told, event: tuple[Status, datetime]) -> None:
    before = whereabouts(told)
    older = all((event[1], RANK[event[0]]) <= (at, RANK[status]) for status, at in told)
    ending = event[0] in (Status.DELIVERED, Status.RETURNED, Status.LOST, Status.RETURNING)
    if told and older and not ending and before.state is not None:
        assert whereabouts([*told, event]).status == before.status


def test_an_unknown_code_moves_nothing_by_itself_and_is_on_its_way_when_moving() -> None:
    hour = timedelta(hours=1)
    assert whereabouts([(Status.UNKNOWN, START)]).state is None
    found = whereabouts([(Status.OUT_FOR_DELIVERY, START), (Status.UNKNOWN, START + hour)])
    assert (found.state, found.status) == (ShipmentState.DISPATCHED, Status.IN_TRANSIT)


def test_times_are_those_of_the_first_movement_and_the_first_delivery() -> None:
    times = [START + timedelta(hours=n) for n in range(4)]
    found = whereabouts([
        (Status.DELIVERED, times[3]), (Status.IN_TRANSIT, times[1]),
        (Status.PICKED_UP, times[0]), (Status.DELIVERED, times[2]),
    ])  # fmt: skip
    assert (found.dispatched_at, found.delivered_at) == (times[0], times[2])


def test_a_parcel_on_its_way_back_does_not_turn_round() -> None:
    hour = timedelta(hours=1)
    told = [(Status.PICKED_UP, START), (Status.RETURNING, START + hour), (Status.IN_TRANSIT, START + 2 * hour)]
    assert whereabouts(told).state is ShipmentState.RETURNING
    assert whereabouts([*told, (Status.RETURNED, START)]).state is ShipmentState.RETURNED
