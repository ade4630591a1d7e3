"""Relay and worker on real Apache Kafka: from an emit to one effect, also past a record that the broker refuses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from deploy.kafka import Kafka
from libs.events.bus import Bus, Topic
from libs.events.consumer import Consumer
from libs.events.open_bus import open_bus
from libs.events.relay import Relay
from libs.events.transaction import Cause, UnitOfWork
from libs.events.worker import Worker
from tests.service.events.kernel import Counted, Counter, note_effect, opened, until
from tests.service.events.test_relay import empty, relay_process

pytestmark = pytest.mark.kafka
CAUSE = Cause(actor="user:ana")


@pytest.fixture
def contract() -> type[Counted]:
    """The counters' fact on a topic of this test's own: the broker is shared."""
    return type("Counted", (Counted,), {"topic": f"counter.{uuid4().hex[:12]}", "__module__": __name__})


@pytest.fixture
async def kafka_bus(kafka: Kafka, contract: type[Counted]) -> AsyncIterator[Bus]:
    """The broker, with the topic."""
    bus = open_bus(kafka.bus)
    await bus.create_topics([Topic(contract.topic, partitions=4)])
    yield bus
    await bus.close()


async def say(uow: UnitOfWork, counter: Counter, contract: type[Counted], *values: int) -> None:
    async with uow(CAUSE) as tx:
        await tx.emit(counter, *(contract(counter=counter.id, value=value) for value in values))


@asynccontextmanager
async def running(*parts: Relay | Worker) -> AsyncIterator[None]:
    """Parts of a process, stopped in order at the end."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(part.run(stop)) for part in parts]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 60)


def effects_of(contract: type[Counted]) -> Consumer:
    """A consumer whose effect is a row; its group is the test's own."""
    consumer = Consumer(f"effects-{contract.topic}")
    consumer.on(contract)(note_effect)
    return consumer


async def seen(uow: UnitOfWork, counter: Counter) -> list[int]:
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT value FROM effect WHERE counter = $1 ORDER BY n", counter.id)
    return [row["value"] for row in rows]


async def _seen(uow: UnitOfWork, counter: Counter, facts: int) -> bool:
    return len(await seen(uow, counter)) >= facts


async def test_every_effect_once_and_in_order_through_killed_relays(
    uow: UnitOfWork, url: str, kafka: Kafka, kafka_bus: Bus, contract: type[Counted]
) -> None:
    async with uow(CAUSE) as tx:
        counters = [await opened(tx) for _ in range(4)]

    async def talk() -> None:
        for value in range(1, 41):
            for counter in counters:
                await say(uow, counter, contract, value)

    async def kill_now_and_then() -> None:
        for seconds in (0.5, 0.3):
            async with relay_process(url, kafka.bus) as process:
                await asyncio.sleep(seconds)
                process.kill()

    async with running(Worker(effects_of(contract), uow, kafka_bus, wait=0.1)):
        await asyncio.gather(talk(), kill_now_and_then())
        async with running(Relay(url, "counters", kafka_bus, every=0.2)):
            for counter in counters:
                await until(lambda counter=counter: _seen(uow, counter, 40))  # type: ignore[misc]
    for counter in counters:
        assert await seen(uow, counter) == list(range(1, 41))


async def test_a_record_the_broker_refuses_is_marked_and_the_rest_goes_on(
    uow: UnitOfWork, url: str, kafka_bus: Bus, contract: type[Counted]
) -> None:
    """Trap 11: after a refusal an idempotent producer is wedged for its partition; only a new one goes on."""
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    await say(uow, counter, contract, 1, 2, 3)
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE outbox SET payload = repeat('x', 1300000) WHERE ce_sequence = 2")
    relay, worker = Relay(url, "counters", kafka_bus, every=0.2), Worker(effects_of(contract), uow, kafka_bus, wait=0.1)
    async with running(relay, worker):
        await until(lambda: empty(uow))
        await say(uow, counter, contract, 4)
        await until(lambda: _seen(uow, counter, 3))
    assert await seen(uow, counter) == [1, 3, 4]
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM outbox WHERE refused IS NOT NULL") == 1
