"""What only the embedded log must prove: that it is a log at all, and that it forgets in time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from libs.events.bus import Outgoing, Record, Topic
from libs.events.connection import SESSION
from libs.events.open_bus import open_bus
from libs.events.postgres import PostgresBus
from tests.conftest import FROZEN
from tests.contract.bus_world import World, by_key, numbered, send
from tests.databases import Databases

TOPICS = ("one", "two")
LINGERING = """
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF random() < 0.2 THEN PERFORM pg_sleep(0.1); END IF; RETURN NULL; END';
CREATE TRIGGER linger AFTER INSERT ON bus_record FOR EACH STATEMENT EXECUTE FUNCTION linger();
"""
"""Between drawing their offsets and committing, transactions wait: the moment in which a careless log loses records."""
BATCHES = st.lists(st.integers(1, 60), min_size=1, max_size=12)  # how many records each of a writer's batches has


@pytest.fixture
async def log(database: Databases) -> AsyncIterator[World]:
    """An embedded log of the test's own."""
    world = World(await database("bus"), "embedded", lambda: None, lambda: None)
    await world.open().create_topics([])
    yield world
    await world.close()


@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(writers=st.lists(BATCHES, min_size=2, max_size=5), partitions=st.integers(1, 3), readers=st.integers(1, 2))
def test_concurrent_writers_and_readers_lose_nothing(
    postgres: str, writers: list[list[int]], partitions: int, readers: int
) -> None:
    asyncio.run(_write_and_read(postgres, writers, partitions, readers))


async def _write_and_read(postgres: str, writers: list[list[int]], partitions: int, readers: int) -> None:
    """Every group sees every record once and each key in its order, while it is being written."""
    databases = Databases(postgres)
    world = World(await databases("bus"), "embedded", lambda: None, lambda: None)
    await world.open().create_topics([Topic(topic, partitions) for topic in TOPICS])
    connection = await asyncpg.connect(world.url)
    await connection.execute(LINGERING)
    await connection.close()
    written = asyncio.Event()
    async with asyncio.timeout(200), asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(_read(world, f"group {n}", written)) for n in range(readers)]
        await asyncio.gather(*(_write(world, f"writer {n}", batches) for n, batches in enumerate(writers)))
        written.set()
    for each in reading:
        for topic in TOPICS:
            seen = by_key([record for record in each.result() if record.topic == topic])
            assert seen == {f"writer {n}": list(range(sum(batches))) for n, batches in enumerate(writers)}
    await world.close()
    await databases.drop_all()


async def _write(world: World, key: str, batches: list[int]) -> None:
    bus, done = world.open(), 0
    for count in batches:
        await send(bus, [record for topic in TOPICS for record in numbered(topic, key, done, count)])
        done += count


async def _read(world: World, group: str, written: asyncio.Event) -> list[Record]:
    """Everything that comes until, all being written, nothing more comes."""
    records: list[Record] = []
    async with world.open().subscribe(group, TOPICS) as member:
        while True:
            last = written.is_set()
            batch = await member.poll(1000, 0.5)  # all there is: only a reader at the very end can miss something
            records += [record for found in batch.values() for record in found]
            if last and not batch:
                return records


async def test_batches_that_cross_never_wait_for_each_other(log: World) -> None:
    await log.open().create_topics([Topic(topic, 4) for topic in TOPICS])
    forth = [Outgoing(topic, f"key {n}", b"") for n in range(20) for topic in TOPICS]

    async def publish(records: list[Outgoing]) -> None:
        bus = log.open()
        for _ in range(50):
            await send(bus, records)

    async with asyncio.timeout(200):
        await asyncio.gather(*(publish(records) for records in (forth, forth[::-1]) * 2))


async def test_a_batch_is_one_transaction_however_large(log: World) -> None:
    await log.open().create_topics([Topic("one", 4)])
    connection = await asyncpg.connect(log.url)
    bus = log.open()
    await send(bus, [Outgoing("one", f"key {n}", b"x") for n in range(3000)])
    assert len({row["xmin"] for row in await connection.fetch("SELECT DISTINCT xmin::text FROM bus_record")}) == 1
    await connection.close()


async def test_records_past_their_retention_go_in_chunks_and_their_offsets_never_come_again(log: World) -> None:
    bus = open_bus(log.url)
    assert isinstance(bus, PostgresBus)
    log.opened.append(bus)
    await bus.create_topics([Topic("short", 1, timedelta(hours=1)), Topic("ever", 1, retention=None)])
    await send(bus, [*numbered("short", "k", 0, 50), *numbered("ever", "k", 0, 10)])
    connection = await asyncpg.connect(log.url)
    await connection.execute("UPDATE bus_record SET at = at - interval '2 hours' WHERE \"offset\" < 45")
    async with bus.subscribe("slow", ["short", "ever"]) as member:
        assert await bus.trim(chunk=7) == 45
        assert by_key(await bus.read("short")) == {"k": list(range(45, 50))}
        assert len(await bus.read("ever")) == 10
        assert sum((await bus.lag("slow")).values()) == 15, "what is gone cannot be read any more"
        found = [record for records in (await member.poll(100, 2)).values() for record in records]
        assert len(found) == 15, "a reader goes on behind the gap"
    await connection.execute("UPDATE bus_record SET at = at - interval '2 hours'")
    assert await bus.trim() == 5
    assert await bus.trim() == 0
    assert (await send(bus, numbered("short", "k", 50, 1)))[0].offset == 50
    await connection.close()


async def test_a_compacted_topic_keeps_the_newest_of_each_key(log: World) -> None:
    bus = open_bus(log.url)
    assert isinstance(bus, PostgresBus)
    log.opened.append(bus)
    await bus.create_topics([Topic("facts", 2, retention=None, compacted=True), Topic("plain", 2)])
    for topic in ("facts", "plain"):
        await send(bus, [Outgoing(topic, f"key {n % 5}", str(n).encode()) for n in range(100)])
    await bus.trim(compact_after=1000)
    assert len(await bus.read("facts")) == 100, "not yet worth the work"
    await bus.trim(compact_after=10)
    assert sorted(int(r.value) for r in await bus.read("facts")) == [95, 96, 97, 98, 99]
    assert len(await bus.read("plain")) == 100
    async with bus.subscribe("new reader", ["facts"]) as member:
        found = [record for records in (await member.poll(100, 2)).values() for record in records]
    assert {r.key: int(r.value) for r in found} == {f"key {n}": 95 + n for n in range(5)}


async def test_a_frozen_publishers_lock_ends_with_its_session(log: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SESSION, FROZEN, "1s")
    await log.open().create_topics([Topic("one", 1)])
    bus = log.open()
    assert isinstance(bus, PostgresBus)
    async with bus._connections.alone() as frozen:
        await frozen.execute("BEGIN")
        await frozen.execute("SELECT * FROM bus_partition FOR UPDATE")  # and then it is stopped
        async with asyncio.timeout(60):
            await send(log.open(request_timeout=40), numbered("one", "k", 0, 1))
