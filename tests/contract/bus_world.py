"""A bus under test: the embedded one or Kafka, behind the same handle, and what tests do with it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from deploy.kafka import Kafka
from deploy.postgres import Postgres
from libs.events.bus import Bus, Outgoing, Record, Sent, Subscription, Topic, TopicPartition
from libs.events.open_bus import open_bus
from tests.databases import Databases, start_server, stop_server
from tests.kafka import start_kafka, stop_kafka

BOTH = ("embedded", pytest.param("kafka", marks=pytest.mark.kafka))
PATIENCE = 60.0
"""Seconds after which something that should happen by itself counts as not happening; generous, machines are busy."""


@dataclass
class World:
    """One log and those who use it."""

    url: str
    kind: str
    stop_server: Callable[[], None]
    start_server: Callable[[], object]
    opened: list[Bus] = field(default_factory=list)
    group: str = field(default_factory=lambda: f"readers-{uuid4().hex[:12]}")

    session_timeout = 6.0  # Kafka's brokers refuse less, and so long no machine stands still

    @property
    def settings(self) -> dict[str, Any]:
        """What tests open buses with."""
        return {"session_timeout": self.session_timeout, "request_timeout": 5.0}

    def open(self, **settings: Any) -> Bus:
        """One more process's bus; closed when the test ends."""
        self.opened.append(open_bus(self.url, **(self.settings | settings)))
        return self.opened[-1]

    async def topic(self, partitions: int = 3) -> str:
        """A new topic of this test's own."""
        name = f"test.t{uuid4().hex[:12]}"
        assert await self.open().create_topics([Topic(name, partitions)]) == [name]
        return name

    async def close(self) -> None:
        for bus in self.opened:
            await bus.close()


@pytest.fixture(params=BOTH)
async def world(request: pytest.FixtureRequest, database: Databases) -> AsyncIterator[World]:
    """A log on the run's own servers; never stop those."""
    if request.param == "kafka":
        url = request.getfixturevalue("kafka").bus
    else:
        url = await database("bus", prepare=_with_tables)
    world = World(url, request.param, _never, _never)
    yield world
    await world.close()


@pytest.fixture(scope="module", params=BOTH)
def own_server(request: pytest.FixtureRequest, postgres: str) -> Iterator[Postgres | Kafka]:
    """A server that the tests of a module may stop."""
    if request.param == "kafka":
        kafka = start_kafka()
        yield kafka
        stop_kafka(kafka)
    else:
        server = start_server()
        yield server
        stop_server(server)


@pytest.fixture
async def fragile(own_server: Postgres | Kafka) -> AsyncIterator[World]:
    """A log whose server may be killed and started again."""
    if isinstance(own_server, Kafka):
        world = World(own_server.bus, "kafka", own_server.kill, lambda: own_server.start_broker(0))
    else:
        databases = Databases(own_server.url())
        url = await databases("bus", prepare=_with_tables)
        await _durable(databases)
        world = World(url, "embedded", own_server.kill, own_server.start)
    yield world
    if not own_server.alive:
        world.start_server()
    await world.close()


async def _with_tables(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([])
    await bus.close()


async def _durable(databases: Databases) -> None:
    """The throwaway server commits asynchronously: killed, it would lose what it has promised."""
    admin = await asyncpg.connect(databases.admin)
    await admin.execute(f'ALTER DATABASE "{databases.made[-1]}" SET synchronous_commit = on')
    await admin.close()


def _never() -> None:
    raise AssertionError("this server belongs to all tests")


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait for a condition."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.02)


async def send(bus: Bus, records: Sequence[Outgoing]) -> list[Sent]:
    """Publish what must succeed."""
    outcomes = await bus.publish(records)
    assert len(outcomes) == len(records)
    sent = [outcome for outcome in outcomes if isinstance(outcome, Sent)]
    assert len(sent) == len(records), [outcome for outcome in outcomes if not isinstance(outcome, Sent)][:3]
    return sent


def numbered(topic: str, key: str, first: int, count: int) -> list[Outgoing]:
    """Records of one key, numbered."""
    return [Outgoing(topic, key, str(first + n).encode()) for n in range(count)]


async def collect(subscription: Subscription, count: int, limit: int = 100) -> list[Record]:
    """Poll until there are at least `count` records."""
    records: list[Record] = []
    end = time.monotonic() + PATIENCE
    while len(records) < count:
        assert time.monotonic() < end, f"{len(records)} of {count} records came"
        for found in (await subscription.poll(limit, 0.5)).values():
            records += found
    return records


async def nothing_more(subscription: Subscription) -> None:
    """Hold that no record comes for a while."""
    assert not any((await subscription.poll(100, 1.0)).values())


def following(records: Sequence[Record]) -> dict[TopicPartition, int]:
    """The offsets to commit once these are done."""
    done: dict[TopicPartition, int] = {}
    for record in records:
        done[record.place] = max(done.get(record.place, 0), record.offset + 1)
    return done


def by_key(records: Sequence[Record]) -> Mapping[str, list[int]]:
    """The numbers of each key, in the order read."""
    found: dict[str, list[int]] = {}
    for record in records:
        found.setdefault(record.key, []).append(int(record.value))
    return found


def firsts(numbers: Sequence[int]) -> list[int]:
    """Each number where it first stands."""
    return list(dict.fromkeys(numbers))


@asynccontextmanager
async def polled(*members: Subscription) -> AsyncIterator[list[Record]]:
    """Several members poll in the background, as processes do, so that rebalances go through; what they got."""
    taken: list[Record] = []

    async def go(member: Subscription) -> None:
        while True:
            for found in (await member.poll(100, 0.2)).values():
                taken.extend(found)

    tasks = [asyncio.create_task(go(member)) for member in members]
    try:
        yield taken
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(result, asyncio.CancelledError), result
