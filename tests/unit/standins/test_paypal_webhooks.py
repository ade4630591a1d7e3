"""The webhook sender: a careful receiver believes the true ones alone, and each true one arrives."""

import asyncio
import base64
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tests.standins.paypal import PayPalStandIn
from tests.standins.paypal.certs import SIGNER
from tests.standins.server import StandIn


class Receiver(StandIn):
    """Believes as the reference says: host, chain, name, validity, signature over the raw bytes."""

    paypal: PayPalStandIn
    failing = 0

    def __init__(self) -> None:
        super().__init__()
        self.believed: list[Any] = []

    def routes(self) -> list[BaseRoute]:
        return [Route("/hook", self._hook, methods=["POST"])]

    async def _hook(self, request: Request) -> Response:
        body = await request.body()
        if self.failing > 0:
            self.failing -= 1
            return Response(status_code=503)
        if not await self.verify(request, body):
            return Response(status_code=400)
        self.believed.append(json.loads(body))
        return Response(status_code=200)

    async def verify(self, request: Request, body: bytes) -> bool:
        told, paypal = request.headers, self.paypal
        if not told["paypal-cert-url"].startswith(f"https://{paypal.cert_host}/v1/notifications/certs/"):
            return False
        context = ssl.create_default_context(cadata=paypal.ca_pem.decode())
        async with httpx.AsyncClient(verify=context) as http:
            chain = x509.load_pem_x509_certificates((await http.get(told["paypal-cert-url"])).content)
        store = Store(x509.load_pem_x509_certificates(paypal.ca_pem))
        verifier = PolicyBuilder().store(store).time(datetime.now(UTC)).build_server_verifier(x509.DNSName(SIGNER))
        message = "|".join((told["paypal-transmission-id"], told["paypal-transmission-time"], paypal.webhook_id,
                            str(zlib.crc32(body))))  # fmt: skip
        key = chain[0].public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            verifier.verify(chain[0], chain[1:])
            signature = base64.b64decode(told["paypal-transmission-sig"])
            key.verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())
        except (VerificationError, InvalidSignature):
            return False
        return True


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver, PayPalStandIn(webhook_url=f"{receiver.url}/hook") as paypal:
        paypal.webhooks.first_wait = 0.01
        receiver.paypal = paypal
        yield receiver


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def send(paypal: PayPalStandIn, resource: Any = None) -> str:
    event = {"event_type": "PAYMENT.CAPTURE.COMPLETED", "resource": resource or {"id": "x"}}
    return str((await paypal.control("webhooks", event))["id"])


def attempts(paypal: PayPalStandIn) -> list[tuple[Any, Any]]:
    return [(entry["misbehaved"], entry["status"]) for entry in paypal.did("webhook")]


async def test_a_true_event_is_believed_at_once(receiver: Receiver) -> None:
    await send(receiver.paypal, {"id": "c", "note": "ă ț", "ratio": 1.0, "breakdown": {}})
    await until(lambda: attempts(receiver.paypal) == [(None, 200)])
    assert receiver.believed[0]["resource"] == {"id": "c", "note": "ă ț", "ratio": 1.0, "breakdown": {}}


@pytest.mark.parametrize(
    "how", ["wrong_signature", "reserialised", "other_ca", "expired_cert", "other_name", "foreign_url"]
)
async def test_a_false_event_is_not_believed_and_comes_again_true(receiver: Receiver, how: str) -> None:
    await receiver.paypal.misbehave("webhook", how)
    await send(receiver.paypal)
    await until(lambda: attempts(receiver.paypal) == [(how, 400), (None, 200)])
    assert len(receiver.believed) == 1


async def test_an_event_is_tried_again_until_accepted(receiver: Receiver) -> None:
    receiver.failing = 3
    await send(receiver.paypal)
    await until(lambda: attempts(receiver.paypal) == [(None, 503)] * 3 + [(None, 200)])


async def test_tries_are_bounded(receiver: Receiver) -> None:
    receiver.failing, receiver.paypal.webhooks.tries = 100, 3
    event_id = await send(receiver.paypal)
    await until(lambda: len(receiver.paypal.did("webhook_given_up")) == 1)
    assert len(attempts(receiver.paypal)) == 3
    receiver.failing = 0
    await receiver.paypal.control(f"webhooks/{event_id}/resend")
    await until(lambda: len(receiver.believed) == 1)


async def test_twice_is_twice_the_same(receiver: Receiver) -> None:
    await receiver.paypal.misbehave("PAYMENT.CAPTURE.COMPLETED", "twice")
    event_id = await send(receiver.paypal)
    await until(lambda: len(receiver.believed) == 2)
    assert [event["id"] for event in receiver.believed] == [event_id] * 2


async def test_out_of_order_lets_the_next_one_overtake(receiver: Receiver) -> None:
    await receiver.paypal.misbehave("webhook", "out_of_order", delay_ms=20_000)
    first, second = await send(receiver.paypal), await send(receiver.paypal)
    await until(lambda: len(receiver.believed) == 2)
    assert [event["id"] for event in receiver.believed] == [second, first]


async def test_what_waited_for_a_url_leaves_when_there_is_one(receiver: Receiver) -> None:
    url = receiver.paypal.webhooks.url
    await receiver.paypal.control("webhook", {"url": None})
    await send(receiver.paypal)
    await receiver.paypal.control("webhook", {"url": url})
    await until(lambda: len(receiver.believed) == 1)
