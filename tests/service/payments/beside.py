"""All of payments beside a PayPal stand-in, for whoever tests it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from libs.service.testing import running
from services.payments.__main__ import service
from tests.service.payments.world import World
from tests.sockets import on_a_socket
from tests.standins.paypal.app import PayPalStandIn


@asynccontextmanager
async def beside(paypal: PayPalStandIn, url: str, bus_url: str, **settings: Any) -> AsyncIterator[World]:
    """Everything runs, webhooks come over a socket; the provider is asked again soon, so that nothing waits long."""
    async with (
        running(
            service,
            url,
            bus_url,
            paypal_base_url=paypal.url,
            paypal_client_id=paypal.client_id,
            paypal_client_secret=paypal.client_secret,
            paypal_webhook_id=paypal.webhook_id,
            paypal_merchant_id="COMANDA1",
            paypal_cert_hosts=(paypal.cert_host,),
            paypal_trust_store=paypal.ca_file,
            look_up_after=0.2,
            look_up_grace=0.3,
            settle_every=0.3,
            public_per_second=1000,
            public_burst=1000,
            **settings,
        ) as api,
        on_a_socket(api.app) as reached_at,
    ):
        paypal.send_webhooks_to(None)
        await paypal.control("webhook", {"url": f"{reached_at}/v1/webhooks/paypal"})
        yield World(api, paypal, reached_at)
