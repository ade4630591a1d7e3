"""What the cluster is told on purpose, and how much it holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from deploy.supervisor import System
from deploy.system import TOPICS

PATIENCE = 180  # seconds for a cluster to come back
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
    async def ask(admin: AIOKafkaAdminClient) -> Any:
        return await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])

    return {
        name: value
        for answer in await _administered(system, ask)
        for _code, _words, _kind, _name, entries in answer.resources
        for name, value, _readonly, source, *_ in entries
        if source == DYNAMIC_TOPIC
    }


async def _set(system: System, topic: str, settings: Mapping[str, str]) -> None:
    async def tell(admin: AIOKafkaAdminClient) -> Any:
        return await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(settings))])

    await _administered(system, tell)


async def _administered(system: System, act: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
    """What `act` answers, once the cluster can be asked: another fault may have stopped its brokers just now."""
    async with asyncio.timeout(PATIENCE):
        while True:
            admin = AIOKafkaAdminClient(bootstrap_servers=_servers(system))
            try:
                await admin.start()
                return await act(admin)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(1)
            finally:
                await admin.close()


def _servers(system: System) -> str:
    return system.environment.bus.removeprefix("kafka://")
