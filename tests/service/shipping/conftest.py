"""Shipping running in the test's loop, over a real database and the embedded bus, beside a FAN stand-in."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.testing import running
from services.shipping.__main__ import service
from tests.databases import Databases
from tests.service.shipping.world import World
from tests.standins.fan.app import FanStandIn


async def make_topics(url: str) -> None:
    bus = open_bus(url)
    await bus.create_topics([Topic(kind.topic, partitions=2, compacted=kind.compacted) for kind in every_contract()])
    await bus.close()


@pytest.fixture
def fan() -> Iterator[FanStandIn]:
    with FanStandIn(late_ms=1500) as stand_in:
        yield stand_in


@pytest.fixture
async def shipping_url(database: Databases) -> str:
    return await database("shipping")


@pytest.fixture
async def bus_url(database: Databases) -> str:
    return await database("shippingbus", make_topics)


@pytest.fixture
def patience() -> float:
    """Seconds after which a courier's answer is given up: more than any machine stalls; fewer where one is late."""
    return 20


@pytest.fixture
async def world(shipping_url: str, bus_url: str, fan: FanStandIn, patience: float) -> AsyncIterator[World]:
    """Everything runs; couriers are asked again soon, so that nothing waits for long."""
    async with running(
        service,
        shipping_url,
        bus_url,
        fan_base_url=fan.url,
        public_url="https://shop.example",
        courier_timeout=patience,
        look_up_after=0.2,
        absence_grace=0.2,
        poll_every=0.3,
        poll_round=0.1,
        wait_for_courier=20,
    ) as api:
        found = World(api, fan)
        await found.given_methods()
        yield found
