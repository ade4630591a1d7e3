"""Payments running in the test's loop, over a real database and the embedded bus, beside a PayPal stand-in."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from tests.databases import Databases
from tests.service.payments.beside import beside
from tests.service.payments.world import World
from tests.standins.paypal.app import PayPalStandIn


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([Topic(kind.topic, partitions=2, compacted=kind.compacted) for kind in every_contract()])
    await bus.close()


@pytest.fixture
def paypal() -> Iterator[PayPalStandIn]:
    with PayPalStandIn(late_ms=1500) as stand_in:
        yield stand_in


@pytest.fixture
async def payments_url(database: Databases) -> str:
    return await database("payments")


@pytest.fixture
async def bus_url(database: Databases) -> str:
    return await database("paymentsbus", make_topics)


@pytest.fixture
def patience() -> float:
    """Seconds after which a provider's answer is given up: more than any machine stalls; fewer where one is late."""
    return 20


@pytest.fixture
async def world(payments_url: str, bus_url: str, paypal: PayPalStandIn, patience: float) -> AsyncIterator[World]:
    """See `beside`."""
    async with beside(paypal, payments_url, bus_url, paypal_within=patience) as found:
        yield found
