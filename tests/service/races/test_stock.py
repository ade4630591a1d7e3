"""Races for goods: nothing is sold that is not there, and nobody waits in a circle."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from libs.events.bus import Record
from libs.events.transaction import UnitOfWork
from libs.service.testing import running, until
from services.inventory.__main__ import service as inventory_service
from services.inventory.consumers import consumer
from services.orders.__main__ import service as orders_service
from tests.service.inventory.stage import CAUSE, a_line, an_order, given_stock, levels, told
from tests.service.orders.stage import WEB, open_shop
from tests.service.races.conftest import MANY
from tests.service.races.stage import at_once, rows, value
from tests.unit.orders.said import lei, submitted

BUYERS, PIECES = 200, 10
HOLD = "SELECT FROM stock_level WHERE sku = $1 FOR UPDATE"


async def sell(inventory: UnitOfWork, url: str, sku: str) -> None:
    """Ten pieces in two depots and two hundred buyers, as many of them inside at once as there are connections."""
    await given_stock(inventory, {(sku, "main"): 4, (sku, "shop"): 6})
    records = [told(an_order(a_line(sku, 1), minute=n)) for n in range(BUYERS)]
    waiting = iter(records)

    async def buy() -> None:
        for record in waiting:  # one iterator for all: each takes the next
            await consumer.deliver(inventory, record)

    await at_once(url, HOLD, sku, acts=[buy] * 16)
    sold = await rows(
        url,
        """SELECT r.state, count(*) AS n, sum(a.reserved)::bigint AS held FROM reservation r
           JOIN reservation_line l ON l.reservation_id = r.id AND l.sku = $1
           LEFT JOIN allocation a ON a.reservation_id = r.id GROUP BY r.state""",
        sku,
    )
    assert {row["state"]: (row["n"], row["held"]) for row in sold} == {
        "reserved": (PIECES, PIECES * 1000),
        "rejected": (BUYERS - PIECES, None),
    }


async def test_two_hundred_buyers_of_ten_pieces_in_two_depots_get_ten(
    inventory: UnitOfWork, inventory_url: str
) -> None:
    """Five times; in CI fifty times, below.

    Facts are handed to the consumer by sixteen connections, without a bus, because the bus would be most of the time;
    the way by HTTP is below. Guards: `FOR UPDATE` of `stock.store.locked`, and behind it the version in `stock.store.
    write`. Without the first LevelsMovedError fails the test, without both more is sold than there is.
    """
    for n in range(5):
        await sell(inventory, inventory_url, f"sku{n}")
    found = await levels(inventory)
    assert {place[1]: figures for place, figures in found.items()} == {"main": (4, 4), "shop": (6, 6)}


@pytest.mark.slow
async def test_fifty_times_two_hundred_buyers_of_ten_pieces_get_ten(inventory: UnitOfWork, inventory_url: str) -> None:
    """The same fifty times; the same guards."""
    for n in range(50):
        await sell(inventory, inventory_url, f"sku{n}")
    assert Counter((await levels(inventory)).values()) == {(4, 4): 50, (6, 6): 50}


async def test_two_hundred_orders_by_http_for_ten_pieces_reserve_ten(
    orders_url: str, inventory_url: str, inventory: UnitOfWork, bus_url: str
) -> None:
    """The whole way: HTTP, the bus, three workers of inventory, back to orders. The same guards as above."""
    await given_stock(inventory, {("mug", "main"): 4, ("mug", "shop"): 6})
    async with AsyncExitStack() as system:
        api = await system.enter_async_context(running(orders_service, orders_url, bus_url, pool_size=MANY))
        await open_shop(api)
        flash = {**WEB, "code": "flash", "depots": ["main", "shop"]}
        assert (await api.post("/v1/channels", json=flash)).status_code == 201
        for _ in range(3):
            await system.enter_async_context(
                running(inventory_service, inventory_url, bus_url, parts=("worker", "relay"), pool_size=6)
            )
        await until(lambda: value(inventory_url, "SELECT EXISTS (SELECT FROM known_channel WHERE code = 'flash')"))
        line = {"sku": "mug", "name": "Cană", "quantity": "1", "unit_price": lei("25.00"), "vat_rate": "21"}
        totals = {"goods": lei("25.00"), "delivery": lei("20.00"), "total": lei("45.00")}
        totals |= {name: lei("0.00") for name in ("charges", "discounts")}
        changes: dict[str, Any] = {"channel": "flash", "lines": [line], "totals": totals}

        async def buy(n: int) -> int:
            answer = await api.post("/v1/orders", json=submitted(external_id=f"flash-{n}", **changes))
            return answer.status_code

        assert set(await asyncio.gather(*map(buy, range(BUYERS)))) == {201}

        async def over() -> bool:
            return not await value(orders_url, "SELECT count(*) FROM orders WHERE stock = 'pending'")

        await until(over, within=120)
    found = await rows(orders_url, "SELECT lifecycle, stock, count(*) AS n FROM orders GROUP BY 1, 2")
    assert {(row["lifecycle"], row["stock"]): row["n"] for row in found} == {
        ("open", "reserved"): PIECES,
        ("cancelled", "rejected"): BUYERS - PIECES,
    }
    assert await levels(inventory) == {("mug", "main"): (4, 4), ("mug", "shop"): (6, 6)}


async def test_a_bulk_command_against_single_ones_never_waits_in_a_circle(
    inventory: UnitOfWork, inventory_url: str, bus_url: str
) -> None:
    """A level in the middle is held; bulk sets come from its one side, orders from the other; all get through.

    Guard: the one order of `stock.store.locked`, `ORDER BY s.sku, s.depot`. Where each locks in an order of its own
    (`ORDER BY random()`), they hold what others wait for, and Postgres ends some of them as deadlocks.
    """
    skus = [f"sku{n:02}" for n in range(21)]
    await given_stock(inventory, {(sku, "main"): 50 for sku in skus})
    async with running(inventory_service, inventory_url, bus_url, parts=("api",), pool_size=MANY) as api:
        items = {"items": [{"sku": sku, "name": sku} for sku in skus]}
        assert (await api.post("/v1/items/bulk", json=items)).status_code == 200

        async def bulk() -> int:
            figures = [{"sku": sku, "depot": "main", "on_hand": "60"} for sku in skus]
            return (await api.put("/v1/stock/levels", json={"figures": figures})).status_code

        async def single(record: Record) -> int:
            return await consumer.deliver(inventory, record)

        backwards = [told(an_order(*(a_line(sku, 1) for sku in reversed(skus)))) for _ in range(8)]
        singles = [told(an_order(a_line(sku, 1))) for sku in skus]
        acts = [bulk, bulk, *((lambda record=record: single(record)) for record in (*backwards, *singles))]
        done = await at_once(inventory_url, HOLD, skus[10], acts=acts)
    assert done == [200, 200, *([1] * (len(acts) - 2))]
    async with inventory(CAUSE) as tx:
        held = await tx.sql.fetch("SELECT DISTINCT on_hand, reserved FROM stock_level")
    assert [tuple(row) for row in held] == [(60_000, 9_000)]
