"""The sample service, migrated and running."""

from collections.abc import AsyncIterator

import pytest

from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.migrations import migrate
from libs.service.testing import ServiceClient, running
from tests.databases import Databases
from tests.service.kit.sample.service import consumer, sample


async def migrate_sample(url: str) -> None:
    await migrate(url, sample.migrations)


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    names = {*consumer.topics, "mug.made", "work.stuck", "work.cleared", "key.changed"}
    await bus.create_topics([Topic(name, partitions=2) for name in sorted(names)])
    await bus.close()


@pytest.fixture
async def sample_url(database: Databases) -> str:
    return await database("sample", migrate_sample)


@pytest.fixture
async def bus_url(database: Databases) -> str:
    return await database("samplebus", make_topics)


@pytest.fixture
async def api(sample_url: str, bus_url: str) -> AsyncIterator[ServiceClient]:
    """Only the API: for what concerns nobody else."""
    async with running(sample, sample_url, bus_url, parts=("api",)) as client:
        yield client
