"""Orders as a service: its API alone over a migrated database, with a shop that is open."""

from collections.abc import AsyncIterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.testing import ServiceClient, running
from services.orders.__main__ import service
from tests.bench.statements import statements
from tests.databases import Databases
from tests.service.orders.stage import open_shop

__all__ = ["statements"]


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([Topic(contract.topic, partitions=2) for contract in every_contract()])
    await bus.close()


@pytest.fixture
async def orders_url(database: Databases) -> str:
    """Where this test's database is."""
    return await database("orders")


@pytest.fixture
async def bus_url(database: Databases) -> str:
    """An embedded bus of this test's own."""
    return await database("ordersbus", make_topics)


@pytest.fixture
async def api(orders_url: str, bus_url: str) -> AsyncIterator[ServiceClient]:
    """The API alone, with a shop that is open; facts are delivered by the test."""
    async with running(service, orders_url, bus_url, parts=("api",)) as client:
        await open_shop(client)
        yield client
