"""Payments running in the test's loop, over a real database and the embedded bus, beside a PayPal stand-in."""

from collections.abc import AsyncIterator, Iterator

import pytest

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.testing import running
from services.payments.__main__ import service
from tests.databases import Databases
from tests.service.payments.world import World, on_a_socket
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
async def world(payments_url: str, bus_url: str, paypal: PayPalStandIn) -> AsyncIterator[World]:
    """Everything runs, webhooks come over a socket; the provider is asked again soon, so that nothing waits long."""
    async with (
        running(
            service,
            payments_url,
            bus_url,
            paypal_base_url=paypal.url,
            paypal_client_id=paypal.client_id,
            paypal_client_secret=paypal.client_secret,
            paypal_webhook_id=paypal.webhook_id,
            paypal_merchant_id="COMANDA1",
            paypal_cert_hosts=(paypal.cert_host,),
            paypal_trust_store=paypal.ca_file,
            paypal_within=1,
            look_up_after=0.2,
            look_up_grace=0.3,
            settle_every=0.3,
            public_per_second=1000,
            public_burst=1000,
        ) as api,
        on_a_socket(api.app) as url,
    ):
        paypal.send_webhooks_to(None)
        await paypal.control("webhook", {"url": f"{url}/v1/webhooks/paypal"})
        yield World(api, paypal, url)
