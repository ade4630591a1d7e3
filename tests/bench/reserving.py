"""From `order.created` to reserved as orders sees it, and reservations of one SKU that everybody wants."""

from collections.abc import AsyncIterator

import asyncpg

from libs.events.bus import Sent
from libs.events.open_bus import open_bus
from libs.service.testing import until
from tests.bench.apart import apart
from tests.bench.figure import Figure, Goal, median, quantile, spread
from tests.bench.load import send
from tests.bench.shop import created_facts, open_inventory, open_orders, order_requests
from tests.bench.stage import Stage

RATE = 100
SKUS = [f"sku-{n}" for n in range(200)]
_BOTH_ENDS = """
SELECT extract(epoch FROM r.at - c.at)::float * 1000 AS ms FROM order_event c JOIN order_event r USING (order_id)
WHERE c.topic = 'order.created' AND r.topic = 'order.reserved' ORDER BY c.at
"""
_RESERVED = """
SELECT extract(epoch FROM ce_time)::float AS at FROM (
    SELECT type, ce_time FROM outbox UNION ALL SELECT type, ce_time FROM outbox_sent) o
WHERE type = 'stock.reserved' ORDER BY ce_time
"""


async def measure_latency(stage: Stage) -> AsyncIterator[Figure]:
    """Orders are placed over HTTP at a steady rate; orders' own timeline says when each fact was true."""
    for kind in stage.scale.buses:
        amount = stage.scale.of(RATE * 30)
        orders, inventory = await stage.databases("orders"), await stage.databases("inventory")
        async with stage.bus(kind) as bus:
            await open_orders(orders, bus)
            await open_inventory(inventory, SKUS)
            async with (
                stage.service("inventory", "all", inventory, bus) as goods,
                stage.service("orders", "all", orders, bus) as api,
            ):
                warm = stage.scale.of(RATE * 5, RATE // 2)
                await apart(send, api.port, order_requests(warm, 3, SKUS), 32, RATE)
                before = api.cpu, goods.cpu, stage.cpu
                done = await apart(send, api.port, order_requests(amount, 3, SKUS), 32, RATE)
                assert done.result.statuses == {201: amount}, done.result.statuses
                waits = await _waits(orders, warm + amount)
                cpu = [
                    (now - then) / amount * 1000
                    for now, then in zip((api.cpu, goods.cpu, stage.cpu), before, strict=True)
                ]
        kept = waits[warm:]
        note = f"p95 {quantile(kept, 0.95):.0f} ms; CPU an order: orders {cpu[0]:.1f} ms, inventory {cpu[1]:.1f} ms, "
        note += f"PostgreSQL {cpu[2]:.1f} ms; place p99 {quantile(done.result.milliseconds, 0.99):.0f} ms"
        what = f"order.created to reserved, as orders sees it, at {RATE}/s, {kind}"
        yield Figure(f"{what}, p50", quantile(kept, 0.5), "ms", goal=(Goal.MOST, 60), note=note)
        yield Figure(f"{what}, p99", quantile(kept, 0.99), "ms", goal=(Goal.MOST, 250))


async def _waits(database: str, orders: int) -> list[float]:
    """Milliseconds from created to reserved of so many orders, in the order in which they were placed."""
    connection = await asyncpg.connect(database)

    async def all_there() -> list[float]:
        rows = await connection.fetch(_BOTH_ENDS)
        return [row["ms"] for row in rows] if len(rows) >= orders else []

    waits = await until(all_there, 120, every=0.5)
    await connection.close()
    return waits


async def measure_hot(stage: Stage) -> AsyncIterator[Figure]:
    """So many orders of one SKU wait on the bus; how many inventory reserves a second."""
    for kind in stage.scale.buses:
        amount, rates, cpu = stage.scale.of(4000, 200), [], []
        for _ in range(stage.scale.repeats):
            inventory = await stage.databases("inventory")
            async with stage.bus(kind) as url:
                await open_inventory(inventory, ["hot"])
                bus = open_bus(url)
                assert all(isinstance(sent, Sent) for sent in await bus.publish(created_facts(amount, "hot")))
                await bus.close()
                async with stage.service("inventory", "all", inventory, url) as service:
                    before = service.cpu, stage.cpu
                    times = await _reserved(inventory, amount)
                    cpu.append(
                        [
                            (now - then) / amount * 1000
                            for now, then in zip((service.cpu, stage.cpu), before, strict=True)
                        ]
                    )
            rates.append(len(times) * 0.9 / (times[-1] - times[len(times) // 10]))
        note = "; ".join(filter(None, [spread(rates), "after the first tenth"]))
        note += f"; CPU each: inventory {median([each for each, _ in cpu]):.1f} ms, "
        note += f"PostgreSQL {median([each for _, each in cpu]):.1f} ms"
        what = f"reservations of one hot SKU, {kind}"
        yield Figure(what, median(rates), "reservations/s", goal=(Goal.LEAST, 500), note=note)


async def _reserved(database: str, orders: int) -> list[float]:
    """When each of so many was reserved, in seconds, in their order."""
    connection = await asyncpg.connect(database)

    async def all_there() -> list[float]:
        if await connection.fetchval("SELECT count(*) FROM reservation WHERE state = 'reserved'") < orders:
            return []
        return [row["at"] for row in await connection.fetch(_RESERVED)]

    times = await until(all_there, 120, every=0.2)
    await connection.close()
    return times
