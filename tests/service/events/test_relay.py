"""The relay's promises: all that waits is published, in commit order of each aggregate, by one relay at a time."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from uuid import UUID

import asyncpg
import pytest

from libs.events import relay
from libs.events.bus import Bus, Topic
from libs.events.envelope import opened as envelope_of
from libs.events.relay import LostLockError, Relay
from libs.events.transaction import Cause, UnitOfWork
from tests.service.events.kernel import TOPIC, Counted, count, opened, until

CAUSE = Cause(actor="user:ana")


async def values(bus: Bus) -> dict[str, list[int]]:
    """What was published, by counter, in the log's order, duplicates and all."""
    found: dict[str, list[int]] = {}
    for record in await bus.read(TOPIC.name):
        found.setdefault(record.key, []).append(json.loads(record.value)["value"])
    return found


def once(numbers: list[int]) -> list[int]:
    """Without repeats, in order of first appearance."""
    return list(dict.fromkeys(numbers))


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[asyncio.Event]:
    """Relays at work until the block ends."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(relay.run(stop)) for relay in relays]
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


@asynccontextmanager
async def relay_process(url: str, bus_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A relay in its own process, ended whatever happens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.service.events.relay_process", url, bus_url), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"up\n"
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGCONT)
            process.kill()
        await process.wait()


async def holder(uow: UnitOfWork) -> int | None:
    """The server process of whoever holds the relay's lock."""
    async with uow(CAUSE) as tx:
        pid = await tx.sql.fetchval(
            """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        )
    return None if pid is None else int(pid)


async def waiting(uow: UnitOfWork) -> int:
    async with uow(CAUSE) as tx:
        return int(await tx.sql.fetchval("SELECT count(*) FROM outbox WHERE refused IS NULL"))


async def empty(uow: UnitOfWork) -> bool:
    return not await waiting(uow)


async def test_what_waits_is_published_as_a_cloud_event_and_kept(uow: UnitOfWork, url: str, bus: Bus) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
        await count(tx, counter)
    assert await Relay(url, "counters", bus).drain() == 1
    (record,) = await bus.read(TOPIC.name)
    envelope = envelope_of(record)
    assert (envelope.type, envelope.subject, envelope.sequence, envelope.actor, envelope.source) == (
        *("counter.counted", f"counter/{counter.id}", 1, "user:ana"),
        "/comanda/counters",
    )
    assert (record.key, json.loads(record.value)) == (
        str(counter.id),
        {"counter": str(counter.id), "value": 1, "note": ""},
    )
    assert dict(record.headers)["ce_specversion"] == b"1.0"
    async with uow(CAUSE) as tx:
        kept = await tx.sql.fetchrow("SELECT id, position FROM outbox_sent")
        assert kept is not None
        assert (kept["id"], kept["position"]) == (envelope.id, 1)
        assert await tx.sql.fetchval("SELECT count(*) FROM outbox") == 0


async def test_the_outbox_is_read_and_emptied_by_index_though_it_was_empty_when_that_was_planned(
    uow: UnitOfWork, url: str, bus: Bus
) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
        for _ in range(30):
            await count(tx, counter)
    assert await Relay(url, "counters", bus).drain() == 30

    async def told() -> list[int]:  # a session says what it did when it ends
        rows = await uow.fetch(
            "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'outbox' AND n_tup_del = 30"
        )
        return [row["seq_tup_read"] for row in rows]

    assert await until(told) == [0]


async def test_positions_have_no_hole_and_named_topics_get_a_feed(uow: UnitOfWork, url: str, bus: Bus) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    for _ in range(3):
        for _ in range(5):
            async with uow(CAUSE) as tx:
                await count(tx, counter)
        await Relay(url, "counters", bus, feed=[TOPIC.name]).drain()
    async with uow(CAUSE) as tx:
        sent = await tx.sql.fetch("SELECT position, ce_sequence FROM outbox_sent ORDER BY position")
        feed = [row["position"] for row in await tx.sql.fetch("SELECT position FROM feed ORDER BY position")]
    assert [tuple(row) for row in sent] == [(n, n) for n in range(1, 16)]
    assert feed == list(range(1, 16))


async def test_order_of_each_aggregate_survives_concurrency_and_kills(
    uow: UnitOfWork, url: str, bus: Bus, bus_url: str
) -> None:
    async with uow(CAUSE) as tx:
        counters = [await opened(tx) for _ in range(6)]

    async def write(n: int) -> None:
        for i in range(25):
            async with uow(CAUSE) as tx:
                await count(tx, counters[(n + i) % len(counters)])
                await asyncio.sleep(0.002)

    async def kill_now_and_then() -> None:
        for seconds in (0.3, 0.2, 0.4):
            async with relay_process(url, bus_url) as process:
                await asyncio.sleep(seconds)
                process.kill()

    await asyncio.gather(*(write(n) for n in range(8)), kill_now_and_then())
    async with running(Relay(url, "counters", bus, every=0.2)):
        await until(lambda: empty(uow))
    found = await values(bus)
    assert sum(len(once(numbers)) for numbers in found.values()) == 200
    for numbers in found.values():
        assert once(numbers) == sorted(set(numbers)), "published out of order"


async def test_a_standby_takes_over_from_a_stopped_holder_and_the_zombie_does_no_harm(
    uow: UnitOfWork, url: str, bus: Bus, bus_url: str
) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    async with relay_process(url, bus_url) as process:
        first = await until(lambda: holder(uow))
        async with running(Relay(url, "counters", bus, every=0.2)):
            async with uow(CAUSE) as tx:
                await count(tx, counter)
            await until(lambda: empty(uow))
            process.send_signal(signal.SIGSTOP)
            stopped = monotonic()
            for _ in range(5):
                async with uow(CAUSE) as tx:
                    await count(tx, counter)
            await until(lambda: empty(uow))
            took = monotonic() - stopped
            assert await holder(uow) != first
            process.send_signal(signal.SIGCONT)
            for _ in range(5):
                async with uow(CAUSE) as tx:
                    await count(tx, counter)
            await until(lambda: empty(uow))
    assert took < 30
    assert once((await values(bus))[str(counter.id)]) == list(range(1, 12))
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM outbox_sent") == 11


async def test_a_standby_takes_over_when_the_holder_dies(uow: UnitOfWork, url: str, bus: Bus, bus_url: str) -> None:
    async with relay_process(url, bus_url) as process:
        first = await until(lambda: holder(uow))
        async with running(Relay(url, "counters", bus, every=0.2)):
            process.kill()
            await until(lambda: _held_by_another(uow, first))


async def _held_by_another(uow: UnitOfWork, first: int) -> bool:
    return await holder(uow) not in (None, first)


async def test_only_one_relay_publishes(uow: UnitOfWork, url: str, bus: Bus) -> None:
    async with running(Relay(url, "counters", bus)):
        await until(lambda: holder(uow))
        with pytest.raises(LostLockError):
            await Relay(url, "counters", bus).drain()


async def test_a_refused_fact_is_marked_and_blocks_nobody(uow: UnitOfWork, url: str, bus: Bus) -> None:
    """The kernel refuses large facts at `emit`; a row that came in by another way must still not stop the rest."""
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
        for _ in range(3):
            await count(tx, counter)
        await tx.sql.execute("UPDATE outbox SET payload = repeat('x', 1100000) WHERE ce_sequence = 2")
    async with running(Relay(url, "counters", bus, every=0.2)):
        await until(lambda: empty(uow))
    assert (await values(bus))[str(counter.id)] == [1, 3]
    async with uow(CAUSE) as tx:
        row = await tx.sql.fetchrow("SELECT ce_sequence, refused FROM outbox")
        assert row is not None
        assert row["ce_sequence"] == 2
        assert row["refused"]
        repaired = Counted(counter=counter.id, value=2).model_dump_json()
        await tx.sql.execute("UPDATE outbox SET refused = NULL, payload = $1", repaired)
    await Relay(url, "counters", bus).drain()
    assert (await values(bus))[str(counter.id)] == [1, 3, 2]


@pytest.mark.parametrize("batch", [relay.BATCH, 1])  # one: what failed stands in the batch before
async def test_a_failed_send_blocks_its_key_alone(
    uow: UnitOfWork, url: str, bus: Bus, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", batch)
    async with uow(CAUSE) as tx:
        stuck, free = await opened(tx), await opened(tx)
        await count(tx, stuck)
        await count(tx, stuck)
        await tx.sql.execute("UPDATE outbox SET type = 'counter.elsewhere' WHERE ce_sequence = 1")  # no such topic yet
        await count(tx, free)
    async with running(Relay(url, "counters", bus, every=0.2)):
        await until(lambda: _published(bus, free.id, 1))
        for _ in range(3):
            async with uow(CAUSE) as tx:
                await count(tx, free)
        await until(lambda: _published(bus, free.id, 4))
        assert str(stuck.id) not in await values(bus), "later facts of a blocked key must wait"
        await bus.create_topics([Topic("counter.elsewhere", partitions=4)])
        await until(lambda: empty(uow))
    assert (await values(bus))[str(stuck.id)] == [2]
    assert len(await bus.read("counter.elsewhere")) == 1


async def _published(bus: Bus, counter: UUID, facts: int) -> bool:
    return len((await values(bus)).get(str(counter), [])) == facts


async def test_nothing_is_lost_while_the_log_is_away(
    uow: UnitOfWork, url: str, bus: Bus, bus_url: str, postgres: str
) -> None:
    name = bus_url.rsplit("/", 1)[1]
    admin = await asyncpg.connect(postgres)
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    try:
        async with running(Relay(url, "counters", bus, every=0.2)):
            await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            for _ in range(20):
                async with uow(CAUSE) as tx:
                    await count(tx, counter)
            assert await waiting(uow) >= 19
            await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            await until(lambda: empty(uow))
    finally:
        await admin.close()
    assert once((await values(bus))[str(counter.id)]) == list(range(1, 21))


async def test_the_outbox_reads_as_debezium_expects_it(uow: UnitOfWork, url: str) -> None:
    """Debezium's outbox event router sees inserted rows alone, with these columns, and routes by one of them.

    `transforms.outbox.route.by.field=type`, `route.topic.replacement=${routedByValue}`, `table.field.event.key=key`,
    `table.field.event.payload=payload`; the rest are headers by `table.fields.additional.placement`.
    """
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
        await count(tx, counter)
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow("SELECT * FROM outbox")
    finally:
        await connection.close()
    assert row is not None
    assert {"id", "aggregatetype", "aggregateid", "type", "payload"} <= set(row.keys())
    assert isinstance(row["id"], UUID)
    routed = (row["type"], row["key"], json.loads(row["payload"]))
    assert routed == ("counter.counted", str(counter.id), {"counter": str(counter.id), "value": 1, "note": ""})
    attributes = ["source", "time", "dataschema", "sequence", "actor", "correlationid", "causationid", "depth"]
    assert {f"ce_{name}" for name in attributes} <= set(row.keys())
