"""Whatever is sent to the webhook in PayPal's name: refused and counted, and not a row written anywhere."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import REGISTRY

from libs.events.transaction import Cause
from libs.service.testing import running
from services.payments.__main__ import service
from tests.service.payments.world import World

PATH = "/v1/webhooks/paypal"
BODY = json.dumps({"id": "WH-TRUE-1", "event_type": "CHECKOUT.ORDER.APPROVED", "resource": {"id": "X"}}).encode()
Headers = dict[str, str]
Change = Callable[[Headers, bytes, World], tuple[Headers, bytes]]


def sealed(world: World, body: bytes = BODY, how: str | None = None, time: str = "2026-11-22T10:00:00Z") -> Any:
    """A delivery as PayPal signs it."""
    headers, sent = world.paypal.webhooks._sealed(body, how, ("69cd13f0-d67a-11e5-baa3-778b53f4ae55", time))
    return headers, sent


def with_header(name: str, value: str | Callable[[str, World], str]) -> Change:
    """The same delivery with one header changed."""

    def change(headers: Headers, body: bytes, world: World) -> tuple[Headers, bytes]:
        given = value(headers[name], world) if callable(value) else value
        return headers | {name: given}, body

    return change


def without(name: str) -> Change:
    return lambda headers, body, _: ({key: value for key, value in headers.items() if key != name}, body)


def with_url(pattern: str, replacement: str) -> Change:
    return with_header("PAYPAL-CERT-URL", lambda url, _: re.sub(pattern, replacement, url, count=1))


def signed_as(how: str) -> Change:
    return lambda _headers, body, world: sealed(world, body, how)


LISTED = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'outbox_sent_%'"
HOST = r"//[^/]+/"
HOSTILE: Mapping[str, tuple[Change, str]] = {
    "no headers": (lambda _headers, body, _: ({}, body), "headers"),
    "no signature": (without("PAYPAL-TRANSMISSION-SIG"), "headers"),
    "no url": (without("PAYPAL-CERT-URL"), "headers"),
    "a signature that is no base64": (with_header("PAYPAL-TRANSMISSION-SIG", "*" * 40), "signature"),
    "a signature of zeros": (with_header("PAYPAL-TRANSMISSION-SIG", "A" * 344), "signature"),
    "a huge signature": (with_header("PAYPAL-TRANSMISSION-SIG", "A" * 4000), "headers"),
    "another algorithm": (with_header("PAYPAL-AUTH-ALGO", "none"), "algorithm"),
    "a weaker algorithm": (with_header("PAYPAL-AUTH-ALGO", "SHA1withRSA"), "algorithm"),
    "another id": (with_header("PAYPAL-TRANSMISSION-ID", "another"), "signature"),
    "another time": (with_header("PAYPAL-TRANSMISSION-TIME", "2026-11-22T10:00:01Z"), "signature"),
    "a time that is none": (with_header("PAYPAL-TRANSMISSION-TIME", "yesterday"), "time"),
    "tomorrow": (lambda _h, body, world: sealed(world, body, time="2099-01-01T00:00:00Z"), "future"),
    "cut short": (lambda headers, body, _: (headers, body[:-1]), "signature"),
    "empty": (lambda headers, _body, _w: (headers, b""), "signature"),
    "one byte more": (lambda headers, body, _: (headers, body + b" "), "signature"),
    "the same JSON in other bytes": (
        lambda headers, body, _: (headers, json.dumps(json.loads(body), indent=1).encode()), "signature"),
    "another key": (signed_as("wrong_signature"), "signature"),
    "another authority": (signed_as("other_ca"), "cert_untrusted"),
    "an expired certificate": (signed_as("expired_cert"), "cert_expired"),
    "another name": (signed_as("other_name"), "cert_untrusted"),
    "another host": (with_url(HOST, "//certs.example.com/"), "cert_host"),
    "a look-alike host": (with_url(HOST, "//localhost.paypal.example/"), "cert_host"),
    "its name before another": (with_url(HOST, "//api.paypal.com.evil.example/"), "cert_host"),
    "its name as a user": (with_url("//", "//api.paypal.com@"), "cert_url"),
    "letters that look alike": (with_url(HOST, "//xn--pypal-4ve.com/"), "cert_host"),
    "another port": (with_url(r":\d+/", ":1/"), "cert_host"),
    "no TLS": (with_url("https", "http"), "cert_host"),
    "another scheme": (with_url("https:", "file:"), "cert_host"),
    "another path": (with_url("/certs/", "/uploads/"), "cert_path"),
    "a path that climbs": (with_url("/certs/", "/certs/../"), "cert_path"),
    "a query": (with_url("$", "?redirect=https://evil.example"), "cert_url"),
    "a line break": (with_url("/certs/", "/certs/%0d%0a"), "cert_url"),
}  # fmt: skip


def refusals() -> dict[str, float]:
    """What was refused so far, by reason."""
    return {
        sample.labels["reason"]: sample.value
        for metric in REGISTRY.collect()
        if metric.name == "comanda_webhook_refusals"
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def rows(world: World) -> dict[str, int]:
    """How many rows each table has."""
    async with world.uow(Cause("system:test")) as tx:
        names = [row["tablename"] for row in await tx.sql.fetch(LISTED)]
        return {name: await tx.sql.fetchval(f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608 - its own


async def test_part_f18_hostile_deliveries_are_refused_counted_and_write_nothing(world: World) -> None:
    await world.quiet()
    for how, (change, reason) in HOSTILE.items():
        before, counted = await rows(world), refusals()
        given = sealed(world)
        headers, body = change(given[0], given[1], world)
        answer = await world.api.as_role("").post(PATH, content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), how
        assert answer.json()["type"] == "/problems/bad-signature", how
        more = {name: value - counted.get(name, 0) for name, value in refusals().items()}
        assert {name: value for name, value in more.items() if value} == {reason: 1}, how
        assert await rows(world) == before, how


async def test_part_f18_a_delivery_sent_again_by_somebody_who_overheard_it_is_kept_once(world: World) -> None:
    headers, body = sealed(world)
    answers = [await world.api.as_role("").post(PATH, content=body, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [row["event_id"] for row in await world.inbox()] == ["WH-TRUE-1"]


async def test_deliveries_have_a_limit_of_their_own(payments_url: str, bus_url: str) -> None:
    """A provider sends many at once from one address; a person who guesses at other open routes may not."""
    limits: dict[str, Any] = {
        "public_per_second": 0.01,
        "public_burst": 2,
        "signed_per_second": 0.01,
        "signed_burst": 5,
    }
    async with running(service, payments_url, bus_url, parts=("api",), **limits) as api:
        nobody = api.as_role("")
        assert [(await nobody.post(PATH, content=BODY)).status_code for _ in range(6)] == [400] * 5 + [429]
        assert [(await nobody.get("/v1/payments/link")).status_code for _ in range(3)][-1] == 429
