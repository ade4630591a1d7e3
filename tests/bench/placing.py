"""Placing orders over HTTP, at 1, 8 and 32 clients, beside one prepared statement that inserts the same rows."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg

from tests.bench.apart import apart
from tests.bench.figure import Figure, Goal, median, quantile, spread
from tests.bench.load import send
from tests.bench.raw_insert import another, insert_all, rows_of, statement
from tests.bench.shop import open_orders, order_requests
from tests.bench.stage import Running, Stage

CASES = ((1, 3, 300), (8, 3, 1500), (32, 3, 2000), (32, 1, 2000), (32, 20, 1000))
HALF = 0.5


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Orders a second; the goal is half of the raw limit at 32 clients."""
    database, bus = await stage.databases("orders"), await stage.databases("bus")
    await open_orders(database, bus)
    async with stage.service("orders", "api", database, bus) as api:
        await _warmed(api, stage.scale.of(300))
        for clients, lines, amount in CASES if stage.scale.less == 1 else CASES[::2]:
            yield await _case(stage, api, database, (clients, lines, stage.scale.of(amount, 2 * clients)))


async def _warmed(api: Running, amount: int) -> None:
    assert (await send(api.port, order_requests(amount, 3), 8)).statuses[201] == amount


async def _case(stage: Stage, api: Running, database: str, case: tuple[int, int, int]) -> Figure:
    clients, lines, amount = case
    ours, raw, slow, cpu = [], [], [], []
    for _ in range(stage.scale.repeats):
        before = api.cpu, stage.cpu
        done = await apart(send, api.port, order_requests(amount, lines), clients)
        assert done.result.statuses == {201: amount}, done.result.statuses
        ours.append(done.result.rate)
        slow.append(quantile(done.result.milliseconds, 0.99))
        cpu.append([seconds / amount * 1000 for seconds in (api.cpu - before[0], stage.cpu - before[1], done.cpu)])
        raw.append(await _raw(database, clients, lines, amount))
    service, server, client = (median(each) for each in zip(*cpu, strict=True))
    note = "; ".join(filter(None, [spread(ours), f"p99 {median(slow):.0f} ms"]))
    note += f"; CPU an order: service {service:.2f} ms, PostgreSQL {server:.2f} ms, client {client:.2f} ms"
    goal = (Goal.RATIO, HALF) if clients == 32 else None
    what = f"place order over HTTP, {clients} clients, {lines} lines"
    return Figure(what, median(ours), "orders/s", median(raw), "one statement, same rows", goal, note)


async def _raw(database: str, clients: int, lines: int, amount: int) -> float:
    parts = await rows_of(database, await _example(database, lines))
    orders = [another(parts, f"raw-{uuid4()}") for _ in range(amount)]
    return (await apart(insert_all, database, statement(parts), orders, clients)).result


async def _example(database: str, lines: int) -> str:
    """An order of so many lines that was placed last."""
    connection = await asyncpg.connect(database)
    found: str = await connection.fetchval(
        """SELECT external_id FROM orders o WHERE external_id LIKE 'bench-%'
           AND (SELECT count(*) FROM order_line WHERE order_id = o.id) = $1 ORDER BY taken_at DESC LIMIT 1""",
        lines,
    )
    await connection.close()
    return found
