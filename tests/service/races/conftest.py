"""Four services with many connections each, whose loops and workers a test starts only where it races them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.events.transaction import UnitOfWork
from libs.service.testing import ServiceClient, running
from services.orders.__main__ import service as orders_service
from services.shipping.__main__ import service as shipping_service
from tests.databases import Databases
from tests.service.inventory.stage import CAUSE, check_books, given_depots
from tests.service.orders.stage import open_shop
from tests.service.payments.beside import beside
from tests.service.payments.world import World as Payments
from tests.service.races.stage import make_topics
from tests.service.shipping.world import World as Shipping
from tests.standins.fan.app import FanStandIn
from tests.standins.paypal.app import PayPalStandIn

MANY = 60  # connections: enough for everybody to be inside at once


@pytest.fixture
async def bus_url(database: Databases) -> str:
    return await database("racesbus", make_topics)


@pytest.fixture
async def orders_url(database: Databases) -> str:
    return await database("orders")


@pytest.fixture
async def orders(orders_url: str, bus_url: str) -> AsyncIterator[ServiceClient]:
    """The API of orders alone, its shop open; facts are delivered by the test."""
    async with running(orders_service, orders_url, bus_url, parts=("api",), pool_size=MANY) as client:
        await open_shop(client)
        yield client


@pytest.fixture
async def inventory_url(database: Databases) -> str:
    return await database("inventory")


@pytest.fixture
async def inventory(inventory_url: str) -> AsyncIterator[UnitOfWork]:
    """Inventory's transactions over two depots; the books must balance at the end."""
    uow = UnitOfWork.open(inventory_url, "inventory", pool_size=MANY)
    await given_depots(uow, "main", "shop")
    yield uow
    async with uow(CAUSE) as tx:
        await check_books(tx)
    await uow.close()


@pytest.fixture
def paypal() -> Iterator[PayPalStandIn]:
    with PayPalStandIn(late_ms=1500) as stand_in:
        yield stand_in


@pytest.fixture
async def payments_url(database: Databases) -> str:
    return await database("payments")


@pytest.fixture
async def payments(payments_url: str, bus_url: str, paypal: PayPalStandIn) -> AsyncIterator[Payments]:
    """All of payments beside a PayPal stand-in."""
    async with beside(paypal, payments_url, bus_url, pool_size=MANY, paypal_within=10) as found:
        yield found


@pytest.fixture
async def shipping_url(database: Databases) -> str:
    return await database("shipping")


@pytest.fixture
async def shipping(shipping_url: str, bus_url: str) -> AsyncIterator[Shipping]:
    """All of shipping beside a FAN stand-in."""
    with FanStandIn() as fan:
        async with running(shipping_service, shipping_url, bus_url, pool_size=MANY, fan_base_url=fan.url) as api:
            found = Shipping(api, fan)
            await found.given_methods()
            yield found
