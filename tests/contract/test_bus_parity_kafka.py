"""What only Kafka can do to us: refuse a record by its own settings, and lose one broker of three."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from deploy.kafka import Kafka
from libs.events.bus import Failed, Outgoing, Refused, Sent
from libs.events.partitions import partition_of
from tests.contract.bus_world import World, by_key, firsts, numbered, send
from tests.kafka import start_kafka, stop_kafka


@given(st.binary(max_size=60), st.integers(1, 50))
def test_keys_are_placed_as_kafkas_own_client_places_them(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)


@pytest.fixture
async def cluster(kafka: Kafka) -> AsyncIterator[World]:
    world = World(kafka.bus, "kafka", lambda: None, lambda: None)
    yield world
    await world.close()


async def _topic_of_small_records(world: World, largest: int) -> str:
    """A topic whose broker refuses what our own limit lets pass."""
    name = f"test.small{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=world.url.removeprefix("kafka://"))
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": str(largest)})])
    await admin.close()
    return name


@pytest.mark.kafka
async def test_a_record_the_broker_refuses_for_good_blocks_nobody(cluster: World) -> None:
    topic, bus = await _topic_of_small_records(cluster, 5_000), cluster.open()
    outcomes = await bus.publish([Outgoing(topic, "k", b"x" * 6_000)])
    assert [type(outcome) for outcome in outcomes] == [Refused]
    for n in range(3):
        await send(bus, numbered(topic, "k", n, 1))
    assert by_key(await bus.read(topic)) == {"k": [0, 1, 2]}


@pytest.mark.kafka
async def test_a_refused_batch_is_sent_one_by_one_until_the_culprit_is_known(cluster: World) -> None:
    topic, bus = await _topic_of_small_records(cluster, 5_000), cluster.open()
    waiting = [*numbered(topic, "k", 0, 5), Outgoing(topic, "k", b"9" * 6_000), *numbered(topic, "k", 5, 400)]
    refused = []
    for _ in range(10):
        outcomes = await bus.publish(waiting)
        first_bad = next((n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Sent)), len(waiting))
        assert all(isinstance(outcome, Failed | Refused) for outcome in outcomes[first_bad:]), "nothing overtakes"
        refused += [r for r, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, Refused)]
        waiting = [r for r, outcome in zip(waiting, outcomes, strict=True) if isinstance(outcome, Failed)]
    assert (waiting, [len(record.value) for record in refused]) == ([], [6_000])
    assert by_key(await bus.read(topic)) == {"k": list(range(405))}


@pytest.fixture
def three_brokers() -> Iterator[Kafka]:
    brokers = start_kafka(brokers=3)
    yield brokers
    stop_kafka(brokers)


@pytest.mark.kafka
@pytest.mark.slow
async def test_one_of_three_brokers_killed_loses_nothing_and_comes_back(three_brokers: Kafka) -> None:
    """One cluster for both promises: it is what takes long."""
    assert three_brokers.bus.count("127.0.0.1:") == 3
    world = World(three_brokers.bus, "kafka", lambda: None, lambda: None)
    topic, bus = await world.topic(6), world.open(request_timeout=15)
    keys, count, seen = [f"key {n}" for n in range(6)], 150, dict[str, list[int]]()

    async def publish() -> None:
        for n in range(count):
            waiting = [record for key in keys for record in numbered(topic, key, n, 1)]
            while waiting:
                outcomes = await bus.publish(waiting)
                waiting = [r for r, outcome in zip(waiting, outcomes, strict=True) if not isinstance(outcome, Sent)]
            await asyncio.sleep(0.02)

    async with world.open().subscribe(world.group, [topic]) as member, asyncio.timeout(120):
        publishing = asyncio.create_task(publish())
        await asyncio.sleep(1)
        three_brokers.kill_broker(1)
        assert [broker.alive for broker in three_brokers.brokers] == [True, False, True]
        while not publishing.done() or any(len(set(seen.get(key, ()))) < count for key in keys):
            for found in (await member.poll(100, 0.5)).values():
                for key, numbers in by_key(found).items():
                    seen.setdefault(key, []).extend(numbers)
        await publishing
    assert {key: firsts(numbers) for key, numbers in seen.items()} == {key: list(range(count)) for key in keys}
    await world.close()
    await asyncio.to_thread(three_brokers.start_broker, 1)
    assert three_brokers.alive
    await asyncio.to_thread(three_brokers.stop)
    assert not any(broker.alive for broker in three_brokers.brokers)


@pytest.fixture
def frail() -> Iterator[Kafka]:
    kafka = start_kafka()
    yield kafka
    stop_kafka(kafka)


@pytest.mark.kafka
async def test_a_broker_that_stands_still_makes_a_publish_fail_and_leaves_nothing_running(frail: Kafka) -> None:
    """The guard: the second cancellation. The client's sender waits for news that nobody brings any more."""
    world = World(frail.bus, "kafka", frail.kill, lambda: None)
    topic, bus = await world.topic(1), world.open(request_timeout=2.0)
    await send(bus, numbered(topic, "k", 0, 1))
    broker = frail.brokers[0].pid
    os.kill(broker, signal.SIGSTOP)
    try:
        outcomes = await bus.publish(numbered(topic, "k", 1, 1))
    finally:
        os.kill(broker, signal.SIGCONT)
    assert [type(outcome) for outcome in outcomes] == [Failed]
    assert asyncio.all_tasks() == {asyncio.current_task()}
    await send(bus, numbered(topic, "k", 2, 1))
    await world.close()
