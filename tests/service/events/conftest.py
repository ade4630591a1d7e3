"""Databases for the kernel's own tests."""

from collections.abc import AsyncIterator

import pytest

from libs.events.bus import Bus
from libs.events.open_bus import open_bus
from libs.events.transaction import UnitOfWork
from tests.databases import Databases
from tests.service.events.kernel import TOPIC, prepare


@pytest.fixture
async def url(database: Databases) -> str:
    """A database with the kernel's tables and the counters'."""
    return await database("kernel", prepare)


@pytest.fixture
async def uow(url: str) -> AsyncIterator[UnitOfWork]:
    """It, opened."""
    opened = UnitOfWork.open(url, "counters")
    yield opened
    await opened.close()


@pytest.fixture
async def bus_url(database: Databases) -> str:
    """An embedded log with the counters' topic and the one about stuck work."""
    url = await database("log")
    bus = open_bus(url)
    await bus.create_topics([TOPIC])
    await bus.close()
    return url


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[Bus]:
    """It, opened."""
    opened = open_bus(bus_url)
    yield opened
    await opened.close()
