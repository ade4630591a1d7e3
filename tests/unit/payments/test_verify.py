"""A delivery is PayPal's or it is not: everything that an attacker may change is refused, offline."""

import asyncio
import base64
import json
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from libs.service.testing import until
from services.payments.webhooks.certificates import Certificates, Refused, Unfetchable, checked_url
from services.payments.webhooks.verify import Verifier
from tests.standins.paypal.certs import SIGNER, Holder, issue
from tests.standins.paypal.certs import Certificates as Authority

WEBHOOK = "WH-1"
BODY = json.dumps({"id": "WH-A", "event_type": "X", "resource": {"breakdown": {}, "value": "1.0"}}).encode()
PATH = "/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority("localhost", tmp_path_factory.mktemp("authority"))


class Place:
    """A certificate server over TLS, and how often it was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.answer, self.asked, self.host = answer, 0, ""

    async def give(self, request: Request) -> Response:
        self.asked += 1
        return self.answer(request)


@asynccontextmanager
async def serving(authority: Authority, answer: Callable[[Request], Response]) -> AsyncIterator[Place]:
    place = Place(answer)
    chain, key = authority.tls()
    app = Starlette(routes=[Route("/{path:path}", place.give)])
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", ssl_certfile=chain, ssl_keyfile=key)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        place.host = f"localhost:{listening.getsockname()[1]}"
        yield place
        server.should_exit = True
        await task


def headers(holder: Holder, host: str, body: bytes = BODY, **changed: str) -> dict[str, str]:
    sent = changed.pop("time", datetime.now(UTC).isoformat())
    message = f"id-1|{sent}|{changed.pop('webhook', WEBHOOK)}|{zlib.crc32(body) & 0xFFFFFFFF}".encode()
    return {
        "paypal-transmission-id": "id-1",
        "paypal-transmission-time": sent,
        "paypal-transmission-sig": base64.b64encode(holder.sign(message)).decode(),
        "paypal-cert-url": f"https://{host}{PATH}",
        "paypal-auth-algo": "SHA256withRSA",
    } | {name.replace("_", "-"): value for name, value in changed.items()}


def verifier(authority: Authority, place: Place, trust: Path | None = None, **more: Any) -> Verifier:
    return Verifier(WEBHOOK, Certificates((place.host,), (SIGNER,), trust or authority.folder / "root.pem", **more))


def pem_of(holder: Holder) -> Callable[[Request], Response]:
    return lambda _: Response(holder.chain)


async def test_a_true_delivery_is_believed_and_its_certificate_is_fetched_once(authority: Authority) -> None:
    async with serving(authority, pem_of(authority.signer)) as place:
        checks = verifier(authority, place)
        for _ in range(3):
            assert (await checks.verify(headers(authority.signer, place.host), BODY)).delivery_id == "id-1"
        assert place.asked == 1


async def test_the_same_delivery_again_is_true_again(authority: Authority) -> None:
    """A replay carries a valid signature: what makes it harmless is the unique event id in the inbox."""
    async with serving(authority, pem_of(authority.signer)) as place:
        checks, sent = verifier(authority, place), headers(authority.signer, place.host)
        assert await checks.verify(sent, BODY) == await checks.verify(sent, BODY)


@pytest.mark.parametrize("body", [
    BODY[:-1], BODY + b" ", b"", json.dumps(json.loads(BODY), sort_keys=True, separators=(",", ":")).encode(),
    BODY.replace(b"1.0", b"1"), BODY.replace(b"{}", b"[]"),
], ids=["truncated", "longer", "empty", "re-serialised", "another number", "empty list"])  # fmt: skip
async def test_a_body_that_is_not_what_was_signed_is_refused(authority: Authority, body: bytes) -> None:
    async with serving(authority, pem_of(authority.signer)) as place:
        with pytest.raises(Refused, match="signature"):
            await verifier(authority, place).verify(headers(authority.signer, place.host), body)


async def test_a_signature_for_another_webhook_is_refused(authority: Authority) -> None:
    async with serving(authority, pem_of(authority.signer)) as place:
        with pytest.raises(Refused, match="signature"):
            await verifier(authority, place).verify(headers(authority.signer, place.host, webhook="WH-2"), BODY)


async def test_a_signature_of_another_key_is_refused(authority: Authority) -> None:
    stranger = issue(SIGNER, issuer=authority.middle, signs=True)
    async with serving(authority, pem_of(authority.signer)) as place:
        with pytest.raises(Refused, match="signature"):
            await verifier(authority, place).verify(headers(stranger, place.host), BODY)


@pytest.mark.parametrize(("make", "reason"), [
    (lambda a: a.by_kind("expired_cert"), "cert_expired"),
    (lambda a: issue(SIGNER, issuer=a.middle, signs=True, days=(1, 30)), "cert_expired"),
    (lambda a: a.by_kind("other_name"), "cert_untrusted"),
    (lambda a: a.by_kind("other_ca"), "cert_untrusted"),
    (lambda _: issue(SIGNER, signs=True), "cert_untrusted"),
    (lambda a: issue("localhost", issuer=a.middle, signs=True), "cert_untrusted"),
], ids=["expired", "not yet valid", "other name", "other CA", "self-signed", "of the TLS server"])  # fmt: skip
async def test_a_certificate_that_must_not_be_believed_is_refused(
    authority: Authority, make: Callable[[Authority], Holder], reason: str
) -> None:
    holder = make(authority)
    async with serving(authority, pem_of(holder)) as place:
        with pytest.raises(Refused, match=reason):
            await verifier(authority, place).verify(headers(holder, place.host), BODY)


async def test_a_certificate_that_expires_while_it_is_kept_is_refused(authority: Authority) -> None:
    now = [datetime.now(UTC)]
    async with serving(authority, pem_of(authority.signer)) as place:
        checks = verifier(authority, place, now=lambda: now[0])
        await checks.verify(headers(authority.signer, place.host), BODY)
        now[0] += timedelta(days=400)
        with pytest.raises(Refused, match="cert_expired"):
            await checks.verify(headers(authority.signer, place.host), BODY)


@pytest.mark.parametrize("answer", [
    lambda _: Response(status_code=500), lambda _: Response(b"x" * 70_000),
], ids=["500", "too large"])  # fmt: skip
async def test_a_certificate_that_cannot_be_had_is_not_followed_and_asked_for_later(
    authority: Authority, answer: Callable[[Request], Response]
) -> None:
    async with serving(authority, answer) as place:
        checks = verifier(authority, place)
        for _ in range(3):
            with pytest.raises(Unfetchable):
                await checks.verify(headers(authority.signer, place.host), BODY)
        assert place.asked == 1, "a failure stands for a while"


async def test_a_redirect_is_not_followed_wherever_it_leads(authority: Authority) -> None:
    def answer(request: Request) -> Response:
        moved = RedirectResponse("/v1/notifications/certs/CERT-moved")
        return moved if request.url.path == PATH else Response(authority.signer.chain)

    async with serving(authority, answer) as place:
        with pytest.raises(Unfetchable):
            await verifier(authority, place).verify(headers(authority.signer, place.host), BODY)
        assert place.asked == 1


async def test_a_tls_server_that_is_not_trusted_gives_no_certificate(authority: Authority, tmp_path: Path) -> None:
    other = issue("Somebody else's root", ca=True)
    (tmp_path / "other.pem").write_bytes(other.chain)
    async with serving(authority, pem_of(authority.signer)) as place:
        with pytest.raises(Unfetchable):
            await verifier(authority, place, tmp_path / "other.pem").verify(headers(authority.signer, place.host), BODY)


@pytest.mark.parametrize(("changed", "reason"), [
    ({"paypal_auth_algo": "SHA1withRSA"}, "algorithm"),
    ({"paypal_transmission_sig": "%%%"}, "signature"),
    ({"paypal_transmission_sig": ""}, "headers"),
    ({"paypal_cert_url": ""}, "headers"),
    ({"paypal_transmission_id": "x" * 3000}, "headers"),
    ({"time": (datetime.now(UTC) + timedelta(hours=6)).isoformat()}, "future"),
    ({"time": "yesterday"}, "time"),
])  # fmt: skip
async def test_headers_that_are_wrong_are_refused_before_anything_is_fetched(
    authority: Authority, changed: dict[str, str], reason: str
) -> None:
    async with serving(authority, pem_of(authority.signer)) as place:
        with pytest.raises(Refused, match=reason):
            await verifier(authority, place).verify(headers(authority.signer, place.host, BODY, **changed), BODY)
        assert place.asked == 0


HOSTS = ("api.paypal.com", "api-m.paypal.com")


@pytest.mark.parametrize("url", [
    f"https://api.paypal.com{PATH}", f"https://api-m.paypal.com:443{PATH}", f"https://API.PayPal.com{PATH}",
])  # fmt: skip
def test_where_certificates_may_be(url: str) -> None:
    assert checked_url(url, HOSTS) == url


@pytest.mark.parametrize("url", [
    f"http://api.paypal.com{PATH}",
    f"https://api.sandbox.paypal.com{PATH}",
    f"https://api.paypal.com.evil.example{PATH}",
    f"https://api.paypal.com@evil.example{PATH}",
    f"https://evil.example\\@api.paypal.com{PATH}",
    f"https://xapi.paypal.com{PATH}",
    f"https://аpi.paypal.com{PATH}",
    f"https://api.paypal.com:8443{PATH}",
    f"https://api.paypal.com:99999{PATH}",
    f"https://api.paypal.com{PATH}?x=1",
    f"https://api.paypal.com{PATH}#x",
    "https://api.paypal.com/v1/notifications/certs/../../../evil",
    "https://api.paypal.com/v1/notifications/certs/%2e%2e/evil",
    "https://api.paypal.com/v1/notifications/certs/a/b",
    "https://api.paypal.com/v1/notifications/certs/",
    "https://api.paypal.com/evil",
    f"https://[::1{PATH}",
    "",
])  # fmt: skip
def test_where_certificates_must_not_be(url: str) -> None:
    with pytest.raises(Refused):
        checked_url(url, HOSTS)
