"""Reserving: all of an order or nothing, exactly, whoever else buys; released and deducted once."""

import asyncio

import asyncpg
import pytest

from libs.contracts.orders import Lifecycle, OrderCancelled, OrderCreated, OrderShipped
from libs.events.consumer import RefusedFact
from libs.events.transaction import UnitOfWork, new_id
from services.inventory.consumers import consumer
from tests.service.inventory.stage import (
    a_line,
    an_order,
    facts,
    given_channel,
    given_depots,
    given_stock,
    levels,
    state_of,
    states,
    tell,
    then,
    told,
)


@pytest.fixture(autouse=True)
async def _two_depots(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "main", "shop")


async def test_an_order_told_twice_reserves_once(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    record = told(an_order(a_line("mug", 2)))
    for _ in range(2):
        await consumer.deliver(inventory, record)
    assert await levels(inventory) == {("mug", "main"): (5, 2)}
    assert await facts(inventory) == ["stock.changed", "stock.reserved", "stock.changed"]


async def test_two_hundred_buyers_of_ten_pieces_in_two_depots_get_ten(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 4, ("mug", "shop"): 6})
    orders = [an_order(a_line("mug", 1), minute=n) for n in range(200)]
    await asyncio.gather(*(consumer.deliver(inventory, told(order)) for order in orders))
    assert await states(inventory) == {"reserved": 10, "rejected": 190}
    assert await levels(inventory) == {("mug", "main"): (4, 4), ("mug", "shop"): (6, 6)}


async def test_many_skus_in_any_order_at_once_neither_deadlock_nor_oversell(inventory: UnitOfWork) -> None:
    skus = [f"sku{n}" for n in range(8)]
    await given_stock(inventory, {(sku, "main"): 10 for sku in skus})
    orders = [an_order(*(a_line(sku, 1) for sku in (skus if n % 2 else reversed(skus)))) for n in range(40)]
    await asyncio.wait_for(asyncio.gather(*(consumer.deliver(inventory, told(order)) for order in orders)), 60)
    assert await states(inventory) == {"reserved": 10, "rejected": 30}


async def test_the_same_sku_on_two_lines_counts_together(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 10})
    await tell(inventory, an_order(a_line("mug", 6), a_line("mug", 6)))
    assert await levels(inventory) == {("mug", "main"): (10, 0)}
    await tell(inventory, an_order(a_line("mug", 6), a_line("mug", 4)))
    assert await levels(inventory) == {("mug", "main"): (10, 10)}


async def test_all_or_nothing(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5, ("pen", "main"): 1})
    order = an_order(a_line("mug", 2), a_line("pen", 2))
    await tell(inventory, order)
    assert await state_of(inventory, order) == "rejected"
    assert await levels(inventory) == {("mug", "main"): (5, 0), ("pen", "main"): (1, 0)}


async def test_an_order_is_split_over_the_depots_of_its_channel_in_their_order(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "main", "shop", "outlet")
    await given_channel(inventory, "web", "shop", "main")
    await given_stock(inventory, {("mug", "main"): 5, ("mug", "shop"): 3, ("mug", "outlet"): 9})
    await tell(inventory, an_order(a_line("mug", 7)))
    assert await levels(inventory) == {("mug", "main"): (5, 4), ("mug", "shop"): (3, 3), ("mug", "outlet"): (9, 0)}
    await tell(inventory, too_many := an_order(a_line("mug", 2)))
    assert await state_of(inventory, too_many) == "rejected"


async def test_lines_that_do_not_ship_need_no_stock(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    await tell(inventory, order := an_order(a_line("mug", 1), a_line("POSTAGE", 1, ships=False)))
    assert await state_of(inventory, order) == "reserved"
    await tell(inventory, service := an_order(a_line("POSTAGE", 1, ships=False)))
    assert await state_of(inventory, service) is None


async def test_part_b17_a_historic_order_moves_nothing(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    await tell(inventory, an_order(a_line("mug", 2, shipped=2, shipped_from={"main": 2}), historic=True))
    assert await levels(inventory) == {("mug", "main"): (5, 0)}
    assert await states(inventory) == {}


async def test_a_cancelled_order_lets_go_and_a_reopened_one_reserves_again(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 2))
    cancelled = then(order, lifecycle=Lifecycle.CANCELLED)
    reopened = then(cancelled, lifecycle=Lifecycle.OPEN, round=2)
    await tell(inventory, order, cancelled)
    assert await levels(inventory) == {("mug", "main"): (5, 0)}
    assert await state_of(inventory, order) == "released"
    await tell(inventory, reopened)
    assert await levels(inventory) == {("mug", "main"): (5, 2)}
    topics = [topic for topic in await facts(inventory) if topic != "stock.changed"]
    assert topics == ["stock.reserved", "stock.released", "stock.reserved"]


async def test_a_rejected_order_is_looked_at_again_in_its_next_round_only(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 1})
    order = an_order(a_line("mug", 2))
    over = then(order, lifecycle=Lifecycle.CANCELLED, cancel_reason="expired")
    await tell(inventory, order)
    await given_stock(inventory, {("mug", "main"): 5})
    await tell(inventory, then(order, payment="received"), over)
    assert await state_of(inventory, order) == "rejected"
    await tell(inventory, then(over, lifecycle=Lifecycle.OPEN, round=2))
    assert await state_of(inventory, order) == "reserved"
    topics = [topic for topic in await facts(inventory) if topic != "stock.changed"]
    assert topics == ["stock.rejected", "stock.reserved"]


async def test_an_order_cancelled_before_it_was_seen_is_only_noted(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 2))
    cancelled = then(order, lifecycle=Lifecycle.CANCELLED)
    await consumer.deliver(inventory, told(cancelled, OrderCancelled, reason="customer", give_back="all"))
    await tell(inventory, order)
    assert await levels(inventory) == {("mug", "main"): (5, 0)}
    assert await facts(inventory) == ["stock.changed"]


async def test_part_f59_shipped_goods_are_deducted_once(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 3))
    part = then(order, line={"shipped": 1, "shipped_from": {"main": 1}})
    rest = then(part, line={"shipped": 3, "shipped_from": {"main": 3}})
    await tell(inventory, order)
    for _ in range(2):
        await consumer.deliver(inventory, told(part, OrderShipped, shipment_id=new_id(), depot="main"))
    assert await levels(inventory) == {("mug", "main"): (4, 2)}
    assert await state_of(inventory, order) == "reserved"
    await tell(inventory, rest, part, then(rest, lifecycle=Lifecycle.COMPLETED))
    assert await levels(inventory) == {("mug", "main"): (2, 0)}
    assert await state_of(inventory, order) == "deducted"
    topics = [topic for topic in await facts(inventory) if topic != "stock.changed"]
    assert topics == ["stock.reserved", "stock.deducted", "stock.deducted"]


async def test_goods_shipped_from_another_depot_than_planned(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5, ("mug", "shop"): 5})
    order = an_order(a_line("mug", 3))
    await tell(inventory, order, then(order, line={"shipped": 3, "shipped_from": {"shop": 3}}))
    assert await levels(inventory) == {("mug", "main"): (5, 0), ("mug", "shop"): (2, 0)}


async def test_what_was_shipped_though_not_on_hand_is_corrected_never_negative(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 1})
    await tell(inventory, order := an_order(a_line("mug", 3, shipped=3, shipped_from={"main": 3})))
    assert await levels(inventory) == {("mug", "main"): (0, 0)}
    assert await state_of(inventory, order) == "deducted"


async def test_a_depot_that_is_none_of_ours_is_refused(inventory: UnitOfWork) -> None:
    with pytest.raises(RefusedFact, match="moon"):
        await tell(inventory, an_order(a_line("mug", 3, shipped=3, shipped_from={"moon": 3})))


async def test_cut_goods_are_released(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 4))
    await tell(inventory, order, then(order, line={"cut": 1}))
    assert await levels(inventory) == {("mug", "main"): (5, 3)}
    await tell(inventory, then(then(order), line={"cut": 4}))
    assert await levels(inventory) == {("mug", "main"): (5, 0)}


async def test_an_order_that_grows_holds_all_of_it_or_nothing(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 2))
    more = then(order, line={"ordered": 4})
    await tell(inventory, order, more)
    assert await levels(inventory) == {("mug", "main"): (5, 4)}
    assert await state_of(inventory, order) == "reserved"
    await tell(inventory, too_much := then(more, line={"ordered": 6}))
    assert await levels(inventory) == {("mug", "main"): (5, 0)}
    assert await state_of(inventory, order) == "rejected"
    await tell(inventory, then(too_much, line={"ordered": 6, "cut": 1}))
    assert await levels(inventory) == {("mug", "main"): (5, 5)}


async def test_returned_goods_wait_in_quarantine(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 5})
    order = an_order(a_line("mug", 2))
    shipped = then(order, line={"shipped": 2, "shipped_from": {"main": 2}})
    returned = then(shipped, line={"returned": 1, "returned_to": {"shop": 1}})
    await tell(inventory, order, shipped, returned, then(returned))
    assert await levels(inventory) == {("mug", "main"): (3, 0), ("mug", "shop"): (0, 0)}


async def test_a_batch_that_meets_locks_out_of_order_gives_up_at_once(inventory: UnitOfWork) -> None:
    """Several facts of one transaction lock in no order: waiting would be a deadlock, so it is taken one by one."""
    await given_stock(inventory, {("a", "main"): 50, ("b", "main"): 50})
    pairs = [
        [told(an_order(a_line("a", 1)), OrderCreated), told(an_order(a_line("b", 1)), OrderCreated)] for _ in range(8)
    ]

    async def take(number: int) -> None:
        records = pairs[number] if number % 2 else pairs[number][::-1]
        try:
            await consumer.deliver(inventory, *records)
        except asyncpg.LockNotAvailableError:  # as the worker does, one by one
            for record in records:
                await consumer.deliver(inventory, record)

    await asyncio.wait_for(asyncio.gather(*map(take, range(8))), 60)
    assert await levels(inventory) == {("a", "main"): (50, 8), ("b", "main"): (50, 8)}
