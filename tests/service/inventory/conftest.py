"""A migrated inventory database for each test, and the books checked at its end."""

from collections.abc import AsyncIterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Bus, Topic
from libs.events.open_bus import open_bus
from libs.events.transaction import UnitOfWork
from libs.service.testing import ServiceClient, running
from services.inventory.__main__ import service
from tests.databases import Databases
from tests.service.inventory.stage import CAUSE, check_books


@pytest.fixture
async def inventory_url(database: Databases) -> str:
    """Where this test's database is."""
    return await database("inventory")


@pytest.fixture
async def inventory(inventory_url: str) -> AsyncIterator[UnitOfWork]:
    """Inventory's transactions; whatever a test did, the books must balance at its end."""
    uow = UnitOfWork.open(inventory_url, "inventory", pool_size=16)
    yield uow
    async with uow(CAUSE) as tx:
        await check_books(tx)
    await uow.close()


async def make_topics(url: str) -> None:
    """Every topic, on an embedded bus."""
    bus = open_bus(url)
    await bus.create_topics([Topic(contract.topic, partitions=2) for contract in every_contract()])
    await bus.close()


@pytest.fixture
async def bus_url(database: Databases) -> str:
    """Where this test's bus is."""
    return await database("inventorybus", make_topics)


@pytest.fixture
async def bus(bus_url: str) -> AsyncIterator[Bus]:
    """This test's bus."""
    bus = open_bus(bus_url)
    yield bus
    await bus.close()


@pytest.fixture
async def api(inventory_url: str, bus_url: str, inventory: UnitOfWork) -> AsyncIterator[ServiceClient]:
    """The whole service, spoken to as a manager; the books are checked at the end."""
    async with running(service, inventory_url, bus_url, look_every="PT0.05S") as client:
        yield client


@pytest.fixture
async def quiet_api(inventory_url: str, bus_url: str, inventory: UnitOfWork) -> AsyncIterator[ServiceClient]:
    """Only the API: for what concerns nobody else."""
    async with running(service, inventory_url, bus_url, parts=("api",)) as client:
        yield client
