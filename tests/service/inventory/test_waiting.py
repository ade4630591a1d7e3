"""Orders that may wait are served oldest first when goods come; nobody is overtaken."""

import asyncio

import pytest

from libs.contracts.orders import Lifecycle
from libs.events.transaction import UnitOfWork
from services.inventory.reservations.handlers import serve, serve_waiting
from tests.service.inventory.stage import (
    CAUSE,
    a_line,
    an_order,
    facts,
    given_channel,
    given_depots,
    given_stock,
    levels,
    state_of,
    tell,
    then,
)


@pytest.fixture(autouse=True)
async def _two_depots(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "main", "shop")


async def test_waiting_orders_are_served_oldest_first(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 0})
    second = an_order(a_line("mug", 2), minute=2, wait=True)
    first = an_order(a_line("mug", 2), minute=1, wait=True)
    third = an_order(a_line("mug", 1), minute=3, wait=True)
    await tell(inventory, second, third, first)
    assert [topic for topic in await facts(inventory) if topic != "stock.changed"] == ["stock.waiting"] * 3
    await given_stock(inventory, {("mug", "main"): 3})
    assert await serve_waiting(inventory) == 1
    assert [await state_of(inventory, order) for order in (first, second, third)] == ["reserved", "waiting", "waiting"]
    await given_stock(inventory, {("mug", "main"): 5})
    assert await serve_waiting(inventory) == 2
    assert await serve_waiting(inventory) == 0
    assert await levels(inventory) == {("mug", "main"): (5, 5)}


async def test_a_younger_order_that_would_fit_does_not_overtake(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 3, ("pen", "main"): 5})
    older = an_order(a_line("mug", 4), a_line("pen", 1), minute=1, wait=True)
    younger = an_order(a_line("mug", 1), minute=2, wait=True)
    buyer = an_order(a_line("mug", 1), minute=3)
    of_pens = an_order(a_line("pen", 4), minute=4)
    too_many_pens = an_order(a_line("pen", 1), minute=5)
    await tell(inventory, older, younger, buyer, of_pens, too_many_pens)
    assert await serve_waiting(inventory) == 0
    assert [await state_of(inventory, order) for order in (older, younger, buyer)] == ["waiting", "waiting", "rejected"]
    assert await state_of(inventory, of_pens) == "reserved", "only what the older one wants is set aside"
    assert await state_of(inventory, too_many_pens) == "rejected"
    await tell(inventory, then(older, lifecycle=Lifecycle.CANCELLED))
    assert await serve_waiting(inventory) == 1
    assert await state_of(inventory, younger) == "reserved"


async def test_an_older_order_told_of_late_goes_before_the_younger(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 2})
    await tell(inventory, waiting := an_order(a_line("mug", 3), minute=9, wait=True))
    await tell(inventory, older := an_order(a_line("mug", 2), minute=1))
    assert await state_of(inventory, older) == "reserved"
    assert await state_of(inventory, waiting) == "waiting"


async def test_goods_in_a_depot_that_the_older_does_not_ask_are_free(inventory: UnitOfWork) -> None:
    await given_channel(inventory, "web", "main")
    await given_channel(inventory, "till", "shop")
    await given_stock(inventory, {("mug", "main"): 0, ("mug", "shop"): 2})
    await tell(inventory, an_order(a_line("mug", 3), minute=1, wait=True))
    await tell(inventory, sold := an_order(a_line("mug", 2), minute=2, channel="till"))
    assert await state_of(inventory, sold) == "reserved"


async def test_released_goods_serve_who_waits(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 2})
    holding = an_order(a_line("mug", 2))
    waiting = an_order(a_line("mug", 1), minute=5, wait=True)
    await tell(inventory, holding, waiting, then(holding, lifecycle=Lifecycle.CANCELLED))
    assert await serve_waiting(inventory) == 1
    assert await levels(inventory) == {("mug", "main"): (2, 1)}


async def test_a_waiting_order_that_wants_less_is_served(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 2})
    order = an_order(a_line("mug", 3), wait=True)
    await tell(inventory, order, cut := then(order, line={"cut": 1}))
    assert await state_of(inventory, order) == "reserved"
    assert await levels(inventory) == {("mug", "main"): (2, 2)}
    await tell(inventory, then(cut, lifecycle=Lifecycle.CANCELLED))
    assert await state_of(inventory, order) == "released"


async def test_served_once_however_many_serve(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 0})
    orders = [an_order(a_line("mug", 1), minute=n, wait=True) for n in range(12)]
    await tell(inventory, *orders)
    await given_stock(inventory, {("mug", "main"): 7})
    assert sum(await asyncio.gather(*(serve_waiting(inventory) for _ in range(4)))) == 7
    assert [await state_of(inventory, order) for order in orders] == ["reserved"] * 7 + ["waiting"] * 5


async def test_serving_again_is_nothing(inventory: UnitOfWork) -> None:
    await given_stock(inventory, {("mug", "main"): 2})
    await tell(inventory, order := an_order(a_line("mug", 2)))
    async with inventory(CAUSE) as tx:
        assert not await serve(tx, order.id)
    assert await levels(inventory) == {("mug", "main"): (2, 2)}
