"""A consumer with its inbox beside a loop that reads the same records and writes the same effect, promising nothing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import asyncpg

from libs.contracts.orders import OrderCreated
from libs.events.bus import Sent
from libs.events.consumer import Consumer
from libs.events.open_bus import open_bus
from libs.events.transaction import Transaction, UnitOfWork
from libs.events.worker import Worker
from tests.bench.apart import apart
from tests.bench.figure import Figure, median, spread
from tests.bench.shop import created_facts
from tests.bench.stage import Stage

AT_ONCE = 20  # records in one transaction, as the worker takes them
_EFFECT = "CREATE TABLE IF NOT EXISTS effect (order_id uuid PRIMARY KEY, number text NOT NULL, at timestamptz NOT NULL)"
_WRITE = "INSERT INTO effect (order_id, number, at) VALUES ($1, $2, now())"


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Facts a second, each taken once and with one row as its effect."""
    for kind in stage.scale.buses:
        amount, ours, raw, cpu = stage.scale.of(10_000, 1000), [], [], []
        for _ in range(stage.scale.repeats):
            database = await stage.databases("inventory")
            async with stage.bus(kind) as url:
                bus = open_bus(url)
                assert all(isinstance(sent, Sent) for sent in await bus.publish(created_facts(amount, "mug", "plate")))
                await bus.close()
                before = stage.cpu
                taken = await apart(consume, database, url, amount)
                cpu.append([seconds / amount * 1000 for seconds in (taken.cpu, stage.cpu - before)])
                ours.append(amount / taken.result)
                raw.append(
                    amount / (await apart(read_and_write, await stage.databases("inventory"), url, amount)).result
                )
        worker, server = (median(each) for each in zip(*cpu, strict=True))
        note = "; ".join(filter(None, [spread(ours), "one row as effect"]))
        note += f"; CPU a fact: consumer {worker:.2f} ms, PostgreSQL {server:.2f} ms"
        raw_is = "a loop that reads JSON and inserts, 20 to a commit"
        yield Figure(f"consumer with inbox, {kind}", median(ours), "facts/s", median(raw), raw_is, note=note)


async def consume(database: str, url: str, amount: int) -> float:
    """Seconds from the first fact's handler to the last one's commit."""
    consumer, stop, clock = Consumer("bench"), asyncio.Event(), time.perf_counter
    started, committed = 0.0, 0

    def one_more() -> None:
        nonlocal committed
        committed += 1
        if committed == amount:
            stop.set()

    @consumer.on(OrderCreated)
    async def effect(tx: Transaction, event: OrderCreated) -> None:
        nonlocal started
        started = started or clock()
        await tx.sql.execute(_WRITE, event.order.id, event.order.number)
        tx.after_commit(one_more)

    uow, bus = UnitOfWork.open(database, "inventory"), open_bus(url)
    async with uow.engine.connect() as connection:
        await connection.exec_driver_sql(_EFFECT)
    running = asyncio.create_task(Worker(consumer, uow, bus).run(stop))
    await stop.wait()
    seconds = clock() - started
    await running
    await bus.close()
    await uow.close()
    return seconds


async def read_and_write(database: str, url: str, amount: int) -> float:
    """Seconds from the first record read to the last commit; offsets are committed once for what was read at once."""
    bus, connection = open_bus(url), await asyncpg.connect(database)
    await connection.execute(_EFFECT)
    started, done = 0.0, 0
    async with bus.subscribe("raw", [OrderCreated.topic]) as member:
        while done < amount:
            for place, records in (await member.poll(250, 0.5)).items():
                started = started or time.perf_counter()
                for first in range(0, len(records), AT_ONCE):
                    part = records[first : first + AT_ONCE]
                    async with connection.transaction():
                        for record in part:
                            order = json.loads(record.value)["order"]
                            await connection.execute(_WRITE, order["id"], order["number"])
                    done += len(part)
                await member.commit({place: records[-1].offset + 1})
        seconds = time.perf_counter() - started
    await connection.close()
    await bus.close()
    return seconds
