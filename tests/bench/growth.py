"""How cost grows: placing, listing and reserving with few, many and very many orders already there."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg

from libs.events.transaction import UnitOfWork
from services.inventory.consumers import consumer
from tests.bench.apart import Done, apart
from tests.bench.figure import Figure, median, quantile
from tests.bench.grown import INVENTORY, ORDERS, balance, grow
from tests.bench.load import Answers, request, send
from tests.bench.shop import open_inventory, open_orders, order_requests
from tests.bench.stage import Running, Stage, bearer
from tests.service.inventory.stage import a_line, an_order, told

LISTS = {
    "newest 50": "/v1/orders?limit=50",
    "open 50": "/v1/orders?lifecycle=open&limit=50",
    "cancelled (few)": "/v1/orders?lifecycle=cancelled&limit=50",
}


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Milliseconds of one call at a time; beside each, what it took with the fewest orders there."""
    first: dict[str, float] = {}
    async for what, there, ours, note in _measured(stage):
        least = stage.scale.grown[0]
        beside = first.setdefault(what, ours)
        raw, raw_is = (None, "") if there == least else (beside, f"with {least:,}")
        yield Figure(f"{what}, {there:,} orders there", ours, "ms", raw, raw_is, note=note)


async def _measured(stage: Stage) -> AsyncIterator[tuple[str, int, float, str]]:
    orders, inventory = await stage.databases("orders"), await stage.databases("inventory")
    bus = await stage.databases("bus")
    await open_orders(orders, bus)
    await open_inventory(inventory, ["mug", "plate", "spoon"])
    async with stage.service("orders", "api", orders, bus) as api:
        await send(api.port, order_requests(stage.scale.of(300), 1), 8)
        examples = await _placed(orders), await _reserved(inventory)
        there = 0
        for wanted in stage.scale.grown:
            started = time.monotonic()
            await grow(orders, ORDERS, examples[0], there, wanted)
            await grow(inventory, INVENTORY, examples[1], there, wanted)
            await balance(inventory)
            stage.say(f"    {wanted:,} orders there after {time.monotonic() - started:.0f} s")
            there = wanted
            done = await _asked(stage, api, order_requests(stage.scale.of(400), 3))
            yield "place order, 1 client, p50", wanted, quantile(done[0], 0.5), done[1]
            for name, path in LISTS.items():
                asked = request("GET", path, b"", Authorization=bearer("manager"))
                done = await _asked(stage, api, [asked] * stage.scale.of(400))
                yield f"list of the {name}, p50", wanted, quantile(done[0], 0.5), done[1]
            yield "reserve, one transaction, p50", wanted, await _reserve(inventory, stage.scale.of(400)), ""


async def _asked(stage: Stage, api: Running, requests: list[bytes]) -> tuple[list[float], str]:
    """Milliseconds of each, by one client, and what they cost."""
    await send(api.port, requests[: len(requests) // 5], 1)
    rest = requests[len(requests) // 5 :]
    before = api.cpu, stage.cpu
    done: Done[Answers] = await apart(send, api.port, rest, 1)
    assert set(done.result.statuses) <= {200, 201}, done.result.statuses
    spent = [(now - then) / len(rest) * 1000 for now, then in zip((api.cpu, stage.cpu), before, strict=True)]
    note = f"p99 {quantile(done.result.milliseconds, 0.99):.1f} ms; CPU each: service {spent[0]:.2f} ms, "
    return done.result.milliseconds, note + f"PostgreSQL {spent[1]:.2f} ms"


async def _reserve(database: str, amount: int) -> float:
    """The middle of how long inventory takes for the fact of a new order, in milliseconds."""
    uow = UnitOfWork.open(database, "inventory")
    times = []
    for _ in range(amount):
        record = told(an_order(*(a_line(sku, 1) for sku in ("mug", "plate", "spoon"))))
        started = time.perf_counter()
        assert await consumer.deliver(uow, record) == 1
        times.append((time.perf_counter() - started) * 1000)
    await uow.close()
    return median(times)


async def _placed(database: str) -> UUID:
    connection = await asyncpg.connect(database)
    order: UUID = await connection.fetchval("SELECT id FROM orders ORDER BY id DESC LIMIT 1")
    await connection.close()
    return order


async def _reserved(database: str) -> UUID:
    uow, order = UnitOfWork.open(database, "inventory"), an_order(a_line("mug", 1))
    assert await consumer.deliver(uow, told(order)) == 1
    await uow.close()
    return order.id
