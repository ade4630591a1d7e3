"""A log that was emptied, on both buses: nothing is in it, and a group that had read it begins anew."""

import asyncio

import pytest

from deploy.kafka import Kafka
from libs.events import restored
from libs.events.bus import Bus, Outgoing, Sent, Topic
from libs.events.open_bus import open_bus
from tests.databases import Databases


async def log_of_nothing(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([])
    await bus.close()


async def test_an_emptied_embedded_log_is_read_from_its_beginning(database: Databases) -> None:
    await begins_anew(await database("emptied", log_of_nothing))


@pytest.mark.kafka
async def test_emptied_topics_of_kafka_are_read_from_their_beginning(kafka: Kafka) -> None:
    await begins_anew(kafka.bus)


async def begins_anew(url: str) -> None:
    """Guards: records go, and with them what groups committed; kept offsets would lie beyond what comes after."""
    topic, bus = Topic("emptied.topic", partitions=2), open_bus(url)
    await restored.empty(url, [topic.name])  # nothing to empty is fine
    await bus.create_topics([topic])
    await said(bus, "one", "two", "three")
    assert await heard(bus, 3) == ["one", "three", "two"]
    await restored.empty(url, [topic.name])
    await bus.create_topics([topic])
    assert await bus.read(topic.name) == []
    await said(bus, "four")
    assert await heard(bus, 1) == ["four"]
    await bus.close()


async def said(bus: Bus, *words: str) -> None:
    async with asyncio.timeout(30):
        records = [Outgoing("emptied.topic", "key", word.encode(), ()) for word in words]
        while not all(isinstance(outcome, Sent) for outcome in await bus.publish(records)):
            await asyncio.sleep(0.2)  # the client still knows the topic that went


async def heard(bus: Bus, number: int) -> list[str]:
    """What a group that commits reads, sorted."""
    words: list[str] = []
    async with asyncio.timeout(60), bus.subscribe("emptied", ["emptied.topic"]) as subscription:
        while len(words) < number:
            for place, records in (await subscription.poll(100, 0.5)).items():
                words += [record.value.decode() for record in records]
                await subscription.commit({place: records[-1].offset + 1})
    return sorted(words)
