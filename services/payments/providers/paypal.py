"""PayPal over HTTP: a token, and one call an operation; "don't know" and "not yet" are answers too."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from libs.service.outside import Absent, Answer, Failed, Refused, Row, Succeeded, Unknown, Wait
from services.payments.domain import Kind
from services.payments.facts import Movement, ProviderOrder, Stage
from services.payments.providers import paypal_wire as wire
from services.payments.settings import Settings

log = logging.getLogger(__name__)

ORDERS, PAYMENTS = "/v2/checkout/orders", "/v2/payments"
ORDER_KEYS_LIVE = timedelta(hours=5, minutes=50)  # PayPal forgets after six hours
PAYMENT_KEYS_LIVE = timedelta(days=44)  # after 45 days
NOT_YET = frozenset(
    {"PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS", "RESOURCE_CONFLICT", "PENDING_CAPTURE"}
)
ALREADY = frozenset({"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "DUPLICATE_INVOICE_ID"})
DECLINES = frozenset(
    {
        "INSTRUMENT_DECLINED", "ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED", "PAYER_CANNOT_PAY", "TRANSACTION_REFUSED",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", "COMPLIANCE_VIOLATION", "AUTHORIZATION_VOIDED",
        "AUTHORIZATION_DENIED", "AUTHORIZATION_EXPIRED", "AUTHORIZATION_ALREADY_CAPTURED", "PREVIOUSLY_VOIDED",
        "PREVIOUSLY_CAPTURED", "CAPTURE_FULLY_REFUNDED", "REFUND_AMOUNT_EXCEEDED", "REFUND_TIME_LIMIT_EXCEEDED",
        "TRANSACTION_DISPUTED", "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", "REFUND_FAILED_INSUFFICIENT_FUNDS",
        "PARTIAL_REFUND_NOT_ALLOWED", "REFUND_NOT_ALLOWED", "CURRENCY_NOT_SUPPORTED", "INVALID_RESOURCE_ID",
    }
)  # fmt: skip
"""Their final no to this try; everything else with a 4xx is our mistake."""


class Unreadable(Exception):  # noqa: N818 - what happened, not a bug
    """No answer that can be used: the reason, and how long to leave it."""

    def __init__(self, reason: str, seconds: float | None = None) -> None:
        super().__init__(reason)
        self.seconds = seconds


@dataclass
class PayPal:
    """One merchant's account."""

    settings: Settings
    http: httpx.AsyncClient
    _token: str = ""
    _token_until: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    # What a call row asks for.

    async def perform(self, row: Row) -> Answer:
        """Make the call of a row of `payment_call`, under its own key."""
        if row["kind"] == "look":
            return await self.look(row)
        path, body = self._request_of(row)
        try:
            reply = await self._send("POST", path, body, key=row["key"])
        except Unreadable as reason:
            return Wait(reason.seconds, str(reason))
        return await self._answer_of(row, reply)

    async def look_up(self, row: Row) -> Answer:  # noqa: PLR0911 - a list
        """What became of an unknown call: the order is read; then, while its key lives, the same call is made."""
        age = datetime.now(UTC) - row["created_at"]
        kind = row["kind"]
        if kind == "look":
            return await self.look(row)
        if kind in ("capture", "authorize"):
            found = await self.look(row)
            if not isinstance(found, Succeeded):
                return found
            order: ProviderOrder = found.data
            if any(movement.kind == kind for movement in order.movements):
                return found
            if order.stage is Stage.COMPLETED:
                return Unknown(f"completed, and no {kind} is shown")
            if order.stage is not Stage.APPROVED:
                return Absent() if order.stage is Stage.GONE else Failed(f"ORDER_{order.stage.upper()}", found.data)
        keys_live = ORDER_KEYS_LIVE if kind in ("create", "capture", "authorize") else PAYMENT_KEYS_LIVE
        if age < keys_live:
            return await self.perform(row)
        return Absent() if kind in ("create", "capture", "authorize") else Unknown("too old to repeat: compare by hand")

    async def look(self, row: Row) -> Answer:
        """The order as it is now, and every movement that the row names beside it."""
        try:
            order = await self.order(row["target"])
            extra = [await self.movement(Kind(kind), ref) for kind, ref in wire_refs(row)]
        except Unreadable as reason:
            return Wait(reason.seconds, str(reason))
        return Succeeded(replace(order, movements=(*order.movements, *(each for each in extra if each is not None))))

    # Reading.

    async def order(self, ref: str) -> ProviderOrder:
        """An order, gone where PayPal knows none."""
        found = await self.get(f"{ORDERS}/{ref}")
        return ProviderOrder(ref, Stage.GONE) if found is None else understood(lambda: wire.order(found))

    async def movement(self, kind: Kind, ref: str) -> Movement | None:
        """A capture, authorization, refund or reversal; None where PayPal knows none."""
        shelf = {Kind.CAPTURE: "captures", Kind.AUTHORIZE: "authorizations"}.get(kind, "refunds")
        found = await self.get(f"{PAYMENTS}/{shelf}/{ref}")
        return None if found is None else understood(lambda: wire.movement(found, kind))

    async def get(self, path: str) -> wire.Json | None:
        """A resource, None when there is none; Unreadable when PayPal cannot say."""
        try:
            reply = await self._send("GET", path, None)
        except httpx.HTTPError as error:
            raise Unreadable(type(error).__name__) from error
        if reply.status_code == httpx.codes.NOT_FOUND:
            return None
        if not reply.is_success:
            raise Unreadable(f"{reply.status_code} to GET {path}", _pause(reply))
        found: wire.Json = understood(lambda: _json(reply))
        return found

    # Sending.

    def _request_of(self, row: Row) -> tuple[str, wire.Json]:
        wanted, target = _body(row), row["target"]
        match row["kind"]:
            case "create":
                back = f"{self.settings.public_url}/v1/payments/return"
                return ORDERS, wire.create_body(wanted, back, f"{back}?cancelled=1", self.settings.paypal_brand_name)
            case "capture" | "authorize" as act:
                return f"{ORDERS}/{target}/{act}", {}
            case "capture_authorization":
                return f"{PAYMENTS}/authorizations/{target}/capture", wire.authorization_capture_body(wanted)
            case "void":
                return f"{PAYMENTS}/authorizations/{target}/void", {}
            case "refund":
                return f"{PAYMENTS}/captures/{target}/refund", wire.refund_body(wanted)
            case other:
                raise ValueError(f"no call is named {other}")

    async def _answer_of(self, row: Row, reply: httpx.Response) -> Answer:
        if reply.is_success:
            try:
                return Succeeded(_outcome(row, reply))
            except ValueError as error:
                return Unknown(f"an answer that makes no sense: {error}")
        if reply.is_server_error:
            return Unknown(f"{reply.status_code}")
        said: wire.Json = {}
        with suppress(ValueError):
            said = _json(reply)
        found = set(wire.issues(said))
        note = f"{reply.status_code} {' '.join(sorted(found))} debug_id={said.get('debug_id')}"
        log.warning("refused", extra={"call": row["kind"], "said": note})
        if reply.status_code in (401, 429) or found & NOT_YET:
            return Wait(_pause(reply) or (60 if reply.status_code == httpx.codes.UNAUTHORIZED else 5), note)
        if found & ALREADY and row["kind"] in ("capture", "authorize"):
            looked = await self.look(row)
            done = isinstance(looked, Succeeded) and any(each.kind == row["kind"] for each in looked.data.movements)
            return looked if done or not isinstance(looked, Succeeded) else Failed(min(found), looked.data)
        return Failed(min(found), {}) if found & DECLINES else Refused(note, {})

    async def _send(self, method: str, path: str, body: wire.Json | None, key: str | None = None) -> httpx.Response:
        """Ask, with one new token where the old one is refused. Transport errors are the caller's to judge."""
        reply = await self._ask(method, path, body, key, await self.token())
        if reply.status_code == httpx.codes.UNAUTHORIZED:
            self._token_until = 0.0
            reply = await self._ask(method, path, body, key, await self.token())
        return reply

    async def _ask(self, method: str, path: str, body: wire.Json | None, key: str | None, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Prefer": "return=representation"}
        if key is not None:
            headers["PayPal-Request-Id"] = key
        return await self.http.request(
            method,
            f"{self.settings.paypal_base_url}{path}",
            json=body,
            headers=headers,
            timeout=self.settings.paypal_within.total_seconds(),
        )

    async def token(self) -> str:
        """A bearer token, asked for once however many wait; Unreadable where none is given."""
        async with self._lock:
            if time.monotonic() < self._token_until:
                return self._token
            secret = self.settings.paypal_client_secret.get_secret_value()
            try:
                reply = await self.http.post(
                    f"{self.settings.paypal_base_url}/v1/oauth2/token",
                    data={"grant_type": "client_credentials"},
                    auth=(self.settings.paypal_client_id, secret),
                    timeout=self.settings.paypal_within.total_seconds(),
                )
            except httpx.HTTPError as error:
                raise Unreadable(f"no token: {type(error).__name__}") from error
            if not reply.is_success:
                raise Unreadable(f"no token: {reply.status_code}", _pause(reply))
            given = understood(lambda: _json(reply))
            self._token = understood(lambda: str(given["access_token"]))
            self._token_until = time.monotonic() + max(0.0, float(given.get("expires_in", 0)) - 60)
            return self._token


def understood(read: Any) -> Any:
    """What `read` makes of an answer; Unreadable where the answer makes no sense."""
    try:
        return read()
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise Unreadable(f"an answer that makes no sense: {type(error).__name__}") from error


def wire_refs(row: Row) -> list[tuple[str, str]]:
    """The movements that a row wants read beside its order."""
    return [(kind, ref) for kind, ref in _body(row).get("refs", ())]


def _outcome(row: Row, reply: httpx.Response) -> Any:
    try:
        if row["kind"] == "void" and reply.status_code == httpx.codes.NO_CONTENT:
            return row["target"]
        given = _json(reply)
        match row["kind"]:
            case "create":
                return wire.order(given)
            case "capture" | "authorize" as kind:
                order = wire.order(given)
                if not any(movement.kind == kind for movement in order.movements):
                    raise ValueError(f"no {kind} in it")
                return order
            case "capture_authorization":
                return wire.movement(given, Kind.CAPTURE)
            case "refund":
                return replace(wire.movement(given, Kind.REFUND), parent_ref=row["target"])
            case _:
                return wire.text(given, "id")
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(type(error).__name__) from error


def _json(reply: httpx.Response) -> wire.Json:
    given = reply.json()
    if not isinstance(given, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - one error for one mistake
    return given


def _body(row: Row) -> Mapping[str, Any]:
    found = row["body"]
    body: Mapping[str, Any] = json.loads(found) if isinstance(found, str) else found
    return body


def _pause(reply: httpx.Response) -> float | None:
    given = reply.headers.get("retry-after", "")
    return min(float(given), 600.0) if given.isdigit() else None
