"""A push of 10,000 stock figures, while orders go on being reserved."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg

from libs.events.bus import Bus
from libs.events.open_bus import open_bus
from libs.service.testing import until
from tests.bench.apart import apart
from tests.bench.figure import Figure, Goal, median, quantile, spread
from tests.bench.load import request, send
from tests.bench.shop import created_facts, open_inventory
from tests.bench.stage import Stage, bearer

ROWS = 10_000
RATE = 50  # orders a second meanwhile
_SAID = """
SELECT key, extract(epoch FROM ce_time)::float AS at FROM (
    SELECT type, key, ce_time FROM outbox UNION ALL SELECT type, key, ce_time FROM outbox_sent) o
WHERE type = 'stock.reserved' AND key = ANY($1)
"""


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Seconds of one call, and the slowest reservations while it ran."""
    rows = stage.scale.of(ROWS, 500)
    skus = [f"sku-{n}" for n in range(rows)]
    inventory, took, waits = await stage.databases("inventory"), [], []
    await open_inventory(inventory, skus)
    async with stage.bus("embedded") as url, stage.service("inventory", "all", inventory, url) as service:
        bus = open_bus(url)
        published: dict[str, float] = {}
        ordering = asyncio.create_task(_order(bus, skus, published))
        try:
            for repeat in range(stage.scale.repeats + 1):  # the first only warms
                started = time.time()
                done = await apart(send, service.port, [_push(skus, 1_000_000 + repeat)], 1)
                assert done.result.statuses == {200: 1}, done.result.statuses
                ended = time.time()
                if repeat:
                    took.append(done.result.milliseconds[0] / 1000)
                    meanwhile = {key: at for key, at in published.items() if started <= at <= ended}
                    waits += await _waits(inventory, meanwhile)
        finally:
            ordering.cancel()
            with suppress(asyncio.CancelledError):
                await ordering
            await bus.close()
    note = "; ".join(filter(None, [spread(took), f"{RATE} orders/s are reserved meanwhile, embedded"]))
    yield Figure(f"bulk stock set, {rows:,} rows in one call", median(took), "s", goal=(Goal.MOST, 2), note=note)
    note = f"{len(waits)} orders; p50 {quantile(waits, 0.5):.0f} ms; from published to stock.reserved"
    yield Figure("reservations meanwhile, p99", quantile(waits, 0.99), "ms", goal=(Goal.MOST, 250), note=note)


def _push(skus: list[str], on_hand: int) -> bytes:
    figures = [{"sku": sku, "depot": "main", "on_hand": str(on_hand)} for sku in skus]
    headers = {"Authorization": bearer("manager"), "Content_Type": "application/json"}
    return request("PUT", "/v1/stock/levels", json.dumps({"figures": figures}).encode(), **headers)


async def _order(bus: Bus, skus: list[str], published: dict[str, float]) -> None:
    """Orders of three SKUs each, at a steady rate; when each was published."""
    start = time.time()
    for n in range(1_000_000):
        await asyncio.sleep(max(0.0, start + n / RATE - time.time()))
        chosen = (skus[(n * step) % len(skus)] for step in (7, 31, 101))
        [fact] = created_facts(1, *dict.fromkeys(chosen))
        published[fact.key] = time.time()
        await bus.publish([fact])


async def _waits(database: str, published: dict[str, float]) -> list[float]:
    """Milliseconds from published to reserved of these orders."""
    connection = await asyncpg.connect(database)

    async def all_there() -> list[float]:
        found = await connection.fetch(_SAID, list(published))
        return [(row["at"] - published[row["key"]]) * 1000 for row in found] if len(found) == len(published) else []

    waits = await until(all_there, 60, every=0.2) if published else []
    await connection.close()
    return waits
