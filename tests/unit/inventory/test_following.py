"""A reservation follows its order: the same end whatever is told twice, late or never."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.inventory import ReservationState
from libs.contracts.orders import OnShortage, OrderSnapshot
from services.inventory.reservations.domain import Reservation
from services.inventory.reservations.lines import Change, What
from services.inventory.reservations.pool import Pool
from services.inventory.stock.domain import Level, Place
from tests.service.inventory.stage import a_line, an_order, pieces, then
from tests.service.inventory.test_any_order import LIVES

DEPOTS = ("main", "shop")


@dataclass
class Shop:
    """Inventory in memory: levels, one reservation, and the version it knows."""

    on_hand: int
    version: int = 0
    reservation: Reservation = field(default_factory=lambda: Reservation.begun(UUID(int=7)))
    levels: dict[Place, Level] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for depot in DEPOTS:
            place = Place("mug", depot)
            self.levels[place] = Level(UUID(int=1), *place, self.on_hand, 0, 0, 0, 0, 1)

    def told(self, order: OrderSnapshot) -> None:
        """Follow the order, as the command does on the database."""
        if order.version < self.version:
            return
        self.version = order.version
        self.apply(self.reservation.follow(order))
        if self.reservation.state is None:
            pool = Pool({place: level.available for place, level in self.levels.items()})
            self.apply(self.reservation.look(pool, DEPOTS, may_wait=order.on_shortage == OnShortage.WAIT))

    def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            level = self.levels[change.place]
            match change.what:
                case What.RESERVE:
                    level.reserve(change.quantity)
                case What.RELEASE:
                    level.release(change.quantity)
                case What.DEDUCT:
                    level.deduct(change.quantity, change.held, change.source)
                case What.TAKE_BACK:
                    level.take_back(change.quantity, change.source)
            assert level.reserved >= 0

    @property
    def end(self) -> Any:
        """Where everything is."""
        held = {line.id: line.essence() for line in self.reservation.lines.values() if any(line.essence()[2])}
        return held, [(level.on_hand, level.reserved, level.quarantine) for level in self.levels.values()]


@given(st.sampled_from(LIVES), st.data())
def test_b10_any_order_of_facts_any_number_of_times(life: Any, data: st.DataObject) -> None:
    facts = life(an_order(a_line("mug", 5)))
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6))
    ends = []
    for told in (facts, data.draw(st.permutations([*facts, *again])), facts[-1:]):
        shop = Shop(pieces(5))
        for fact in told:
            shop.told(fact)
        ends.append(shop.end)
    assert ends[0] == ends[1] == ends[2]


def test_a_fact_told_again_asks_nothing_of_the_levels() -> None:
    order = an_order(a_line("mug", 5))
    shop = Shop(pieces(5))
    shop.told(order)
    before = shop.reservation.essence()
    assert shop.reservation.follow(then(order)) == []
    assert shop.reservation.essence() == before


def test_what_is_short_is_said_by_line() -> None:
    shop = Shop(pieces(2))
    shop.told(an_order(a_line("mug", 3), a_line("mug", 3), wait=True))
    assert shop.reservation.state is ReservationState.WAITING
    snapshot = [line.snapshot() for line in shop.reservation.lines.values()]
    assert [line.short for line in snapshot] == [0, pieces(2)]
    assert all(not line.allocations for line in snapshot)
