"""A level and its ledger, who is not covered, and the entries behind a figure."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.availability.domain import explained, sellable
from services.inventory.catalogue.domain import Depots
from services.inventory.reservations.pool import Waiting
from services.inventory.stock.domain import Bucket, Holder, Level, NotAvailableError, not_covered

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def a_level(on_hand: int = 0, reserved: int = 0, buffer: int = 0, depot: str = "main") -> Level:
    return Level(UUID(int=1), "mug", depot, on_hand, reserved, buffer, 0, 0, 1)


@given(st.lists(st.tuples(st.sampled_from(["receive", "count", "deduct", "return"]), st.integers(1, 9)), max_size=20))
def test_the_ledger_sums_up_to_the_level_which_is_never_negative(steps: list[tuple[str, int]]) -> None:
    level = a_level()
    for number, (step, quantity) in enumerate(steps):
        match step:
            case "receive":
                level.receive(quantity, f"r{number}")
            case "count":
                level.count(quantity, f"c{number}")
            case "deduct":
                level.deduct(quantity, 0, f"d{number}")
            case "return":
                level.take_back(quantity, f"b{number}")
        assert level.on_hand >= 0
    for bucket, total in ((Bucket.ON_HAND, level.on_hand), (Bucket.QUARANTINE, level.quarantine)):
        assert sum(each.quantity for each in level.movements if each.bucket is bucket) == total
    assert len({each.source for each in level.movements}) == len(level.movements)


def test_no_more_is_promised_than_is_available() -> None:
    level = a_level(on_hand=10, reserved=2, buffer=3)
    with pytest.raises(NotAvailableError):
        level.reserve(6)
    level.reserve(5)
    assert (level.reserved, level.available, level.shortage) == (7, 0, 0)


def test_a_figure_that_is_the_same_moves_nothing() -> None:
    level = a_level(on_hand=5)
    level.count(5, "push")
    level.keep_back(0)
    assert not level.changed
    assert not level.movements


@given(st.integers(0, 30), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), max_size=6))
def test_the_newest_are_not_covered_first_and_no_more_than_is_short(short: int, held: list[tuple[int, int]]) -> None:
    holders = [
        Holder(UUID(int=n), str(n), NOON + timedelta(minutes=minute), part) for n, (minute, part) in enumerate(held)
    ]
    found = not_covered(short, holders)
    assert sum(part for _, part in found.values()) == min(short, sum(holder.held for holder in holders))
    untouched = [holder for holder in holders if holder.order_id not in found]
    assert all(
        (holder.placed_at, holder.order_id) < (other.placed_at, other.order_id)
        for holder in untouched
        for other, _ in found.values()
    )
    assert sum(part != holder.held for holder, part in found.values()) <= 1


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.integers(0, 3)), max_size=2),
    st.integers(0, 9),
    st.data(),
)
def test_the_entries_sum_up_to_the_figure(rows: list[Any], waiting: int, data: st.DataObject) -> None:
    levels = [a_level(row[0], row[1], row[2], depot) for row, depot in zip(rows, ("main", "shop"), strict=False)]
    depots = Depots(("main", "shop"), {"web": ("shop", "main")})
    queue = [Waiting("web", "mug", waiting)] if waiting else []
    left = sellable(levels, queue, depots, ("web",)).get(("web", "mug"), 0)
    listed = {
        level.depot: [Holder(UUID(int=2), "n", NOON, data.draw(st.integers(0, level.reserved)))] for level in levels
    }
    entries = explained(levels, listed, queue, depots.of("web"), left)
    assert (
        sum(entry.quantity for entry in entries) == left == max(0, sum(level.available for level in levels) - waiting)
    )
