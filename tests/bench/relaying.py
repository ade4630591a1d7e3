"""The relay beside the barest way to put the same bytes on the same bus."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from libs.events.bus import Outgoing
from libs.events.open_bus import open_bus
from libs.events.relay import Relay
from libs.events.transaction import new_id
from tests.bench.apart import apart
from tests.bench.figure import Figure, Goal, median, spread
from tests.bench.shop import created_facts
from tests.bench.stage import Stage

HALF = 0.5
BATCH = 500
WARM = 1000
_WAITING = """
INSERT INTO outbox (id, aggregatetype, aggregateid, type, key, shard, payload, ce_source, ce_time, ce_dataschema,
                    ce_sequence, ce_actor, ce_correlationid, ce_causationid, ce_depth, traceparent)
SELECT gen_random_uuid(), 'order', gen_random_uuid(), $2, gen_random_uuid()::text, n % 16, $1, '/comanda/orders', now(),
       $2 || '.v1', 1, 'system:bench', gen_random_uuid(), NULL, 0, NULL FROM generate_series(1, $3::int) AS n
"""
_LOG = "CREATE TABLE IF NOT EXISTS raw_log (topic text, key text, value bytea, headers text, PRIMARY KEY (topic, key))"
_APPEND = "INSERT INTO raw_log SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[])"


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Facts a second from a full outbox to acknowledged and moved; the goal is half of the raw limit."""
    [fact] = created_facts(1, "mug", "plate", "spoon")
    for kind in stage.scale.buses:
        amount, ours, raw, cpu = stage.scale.of(20_000, 1000), [], [], []
        database = await stage.databases("orders")
        async with stage.bus(kind) as bus:
            for _ in range(stage.scale.repeats):
                before = stage.cpu
                relayed = await apart(drain, database, bus, fact, amount)
                cpu.append([seconds / amount * 1000 for seconds in (relayed.cpu, stage.cpu - before)])
                ours.append(amount / relayed.result)
                records = [replace(fact, key=str(new_id())) for _ in range(amount)]
                barest = produce if kind == "kafka" else append
                raw.append(amount / (await apart(barest, bus, records)).result)
        relay, server = (median(each) for each in zip(*cpu, strict=True))
        note = "; ".join(filter(None, [spread(ours), f"{len(fact.value)} bytes each"]))
        note += f"; CPU a fact: relay {relay:.2f} ms, PostgreSQL {server:.2f} ms"
        raw_is = "aiokafka producer, same bytes" if kind == "kafka" else "one INSERT for 500 records"
        yield Figure(f"relay, {kind}", median(ours), "facts/s", median(raw), raw_is, (Goal.RATIO, HALF), note)


async def fill(connection: "asyncpg.Connection[Any]", fact: Outgoing, rows: int) -> None:
    """Let so many facts wait, each of a key of its own."""
    await connection.execute(_WAITING, fact.value.decode(), fact.topic, rows)


async def drain(database: str, url: str, fact: Outgoing, amount: int) -> float:
    """Seconds for a full outbox to be relayed, each row of a key of its own; a small one was relayed before."""
    bus = open_bus(url)
    relay = Relay(database, "orders", bus, feed=("order.created",))
    connection = await asyncpg.connect(database)
    seconds = 0.0
    try:
        for rows in (WARM, amount):
            await fill(connection, fact, rows)
            started = time.perf_counter()
            assert await relay.drain() == rows
            seconds = time.perf_counter() - started
    finally:
        await connection.close()
        await bus.close()
    return seconds


async def produce(url: str, records: Sequence[Outgoing]) -> float:
    """Seconds for an idempotent producer with `acks=all` to have every record acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=url.removeprefix("kafka://"), enable_idempotence=True, acks="all")
    await producer.start()
    try:
        for record in records[:1]:
            await producer.send_and_wait(record.topic, record.value, record.key.encode(), headers=list(record.headers))
        started = time.perf_counter()
        sent = [
            await producer.send(record.topic, record.value, record.key.encode(), headers=list(record.headers))
            for record in records
        ]
        for each in sent:
            await each
        return time.perf_counter() - started
    finally:
        await producer.stop()


async def append(url: str, records: Sequence[Outgoing]) -> float:
    """Seconds to insert every record into a table, 500 to a statement."""
    connection = await asyncpg.connect(url)
    await connection.execute(_LOG)
    started = time.perf_counter()
    for first in range(0, len(records), BATCH):
        part = records[first : first + BATCH]
        columns = [each.topic for each in part], [each.key for each in part], [each.value for each in part]
        await connection.execute(_APPEND, *columns, [repr(each.headers) for each in part])
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds
