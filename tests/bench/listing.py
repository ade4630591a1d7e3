"""How quickly the desk finds orders among very many: lists, pages far behind, words, counters, a status for many."""

import json
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg

from libs.events.transaction import new_id
from libs.service.paging import encode
from tests.bench.apart import Done, apart
from tests.bench.figure import Figure, Goal, quantile
from tests.bench.grown import ORDERS, grow
from tests.bench.load import Answers, request, send
from tests.bench.shop import open_orders, order_requests
from tests.bench.stage import Running, Stage, bearer

CLIENTS = 8
GOAL = 25.0
FAR = 1_000
"""Pages before the one that is far behind."""
BULK = 1_000
BULK_GOAL = 2_000.0


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Milliseconds of each list at the 95th of a hundred, eight asking at once, with the most orders there."""
    url, bus, many = await stage.databases("orders"), await stage.databases("bus"), stage.scale.grown[-1]
    await open_orders(url, bus)
    async with stage.service("orders", "api", url, bus) as api:
        await send(api.port, order_requests(20, 1), CLIENTS)
        connection = await asyncpg.connect(url)
        started = time.monotonic()
        example: UUID = await connection.fetchval("SELECT id FROM orders ORDER BY id DESC LIMIT 1")
        await grow(url, ORDERS, example, 0, many)
        stage.say(f"    {many:,} orders there after {time.monotonic() - started:.0f} s")
        asked = await _asked(connection, many)
        ids = [str(row["order_id"]) for row in await connection.fetch(_SOME, BULK)]
        await connection.close()
        for what, path in asked.items():
            yield await _figure(stage, api, f"{what}, {many:,} orders there", path)
        yield await _bulk(api, ids)


_SOME = "SELECT order_id FROM order_list WHERE lifecycle = 'completed' ORDER BY placed_at DESC LIMIT $1"
_MIDDLE = """
SELECT placed_at, order_id FROM order_list ORDER BY placed_at DESC, order_id DESC OFFSET $1 LIMIT 1
"""


async def _asked(connection: "asyncpg.Connection[asyncpg.Record]", many: int) -> dict[str, str]:
    """What the desk asks: name and path."""
    far = await connection.fetchrow(_MIDDLE, min(FAR * 50, many // 2))
    status = await connection.fetchval("SELECT order_status FROM order_list WHERE order_status IS NOT NULL LIMIT 1")
    assert far is not None
    since, until = (far["placed_at"] - timedelta(hours=4)).isoformat(), far["placed_at"].isoformat()
    dated = f"placed_from={since}&placed_until={until}".replace("+", "%2B")
    return {
        "first page of 50": "/v1/orders",
        f"page after {FAR:,} pages": f"/v1/orders?after={encode('placed', 'desc', far['placed_at'], far['order_id'])}",
        "status and date": f"/v1/orders?status={status}&{dated}",
        "words (a name and a beginning)": "/v1/orders?q=family77%20an",
        "referer, any": "/v1/orders?referer=site-7",
        "referer, only": "/v1/orders?referer=site-7&referer_match=only",
        "one-click list": "/v1/orders?bucket=on_hold",
        "counters": "/v1/orders/counters",
    }


async def _figure(stage: Stage, api: Running, what: str, path: str) -> Figure:
    requests = [request("GET", path, b"", Authorization=bearer("manager"))] * stage.scale.of(800)
    await send(api.port, requests[: len(requests) // 5], CLIENTS)
    before = api.cpu, stage.cpu
    done: Done[Answers] = await apart(send, api.port, requests, CLIENTS)
    assert set(done.result.statuses) == {200}, done.result.statuses
    service, server = (
        (now - then) / len(requests) * 1000 for now, then in zip((api.cpu, stage.cpu), before, strict=True)
    )
    times = done.result.milliseconds
    note = f"p50 {quantile(times, 0.5):.1f} ms; CPU each: service {service:.2f} ms, PostgreSQL {server:.2f} ms"
    return Figure(f"{what}, 8 clients, p95", quantile(times, 0.95), "ms", goal=(Goal.MOST, GOAL), note=note)


async def _bulk(api: Running, ids: list[str]) -> Figure:
    """A status for many orders in one call."""
    body = json.dumps({"status": "processing", "items": [{"order_id": each} for each in ids]}).encode()
    headers = {"Authorization": bearer("manager"), "Content_Type": "application/json", "Idempotency_Key": str(new_id())}
    done = await send(api.port, [request("POST", "/v1/orders/status", body, **headers)], 1)
    assert set(done.statuses) == {200}, done.statuses
    what = f"a status for {len(ids):,} orders in one call"
    return Figure(what, done.milliseconds[0], "ms", goal=(Goal.MOST, BULK_GOAL))
