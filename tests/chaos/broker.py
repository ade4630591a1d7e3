"""What the cluster is told on purpose, and how much it holds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.supervisor import System
from deploy.system import TOPICS

DYNAMIC_TOPIC = 1  # where a setting of a topic comes from, when it is the topic's own


@asynccontextmanager
async def refusing(system: System, topic: str, settings: Mapping[str, str]) -> AsyncIterator[None]:
    """A topic has other settings inside, and its own again afterwards."""
    own = await _own_settings(system, topic)
    await _set(system, topic, {**own, **settings})
    try:
        yield
    finally:
        await _set(system, topic, own)


async def records(system: System) -> int:
    """How many records were ever appended to all topics."""
    reader = AIOKafkaConsumer(bootstrap_servers=_servers(system))
    await reader.start()
    try:
        places = [TopicPartition(topic.name, n) for topic in TOPICS for n in range(topic.partitions)]
        return sum((await reader.end_offsets(places)).values())
    finally:
        await reader.stop()


async def _own_settings(system: System, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=_servers(system))
    await admin.start()
    try:
        asked = [ConfigResource(ConfigResourceType.TOPIC, topic)]
        answers = await admin.describe_configs(asked)
    finally:
        await admin.close()
    return {
        name: value
        for answer in answers
        for _code, _words, _kind, _name, entries in answer.resources
        for name, value, _readonly, source, *_ in entries
        if source == DYNAMIC_TOPIC
    }


async def _set(system: System, topic: str, settings: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=_servers(system))
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(settings))])
    finally:
        await admin.close()


def _servers(system: System) -> str:
    return system.environment.bus.removeprefix("kafka://")
