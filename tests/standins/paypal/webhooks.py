"""The webhook sender: signed as PayPal signs, tried again until accepted, and rude on command."""

import asyncio
import base64
import json
import uuid
import zlib
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.standins.book import Book, Shelf
from tests.standins.misbehave import Mischief, Rule
from tests.standins.paypal.certs import Certificates

BAD_CERTS = {"other_ca", "expired_cert", "other_name"}
HOWS = {"twice", "late", "out_of_order", "wrong_signature", "reserialised", "foreign_url", "lost", *BAD_CERTS}
AT_RANDOM = ("twice", "late", "out_of_order", "wrong_signature", "reserialised")
TWICE_APART = 0.07  # seconds, as seen in the wild


class Webhooks:
    """Events to one URL, at least once and in no promised order."""

    def __init__(self, book: Book, mischief: Mischief, certs: Certificates, webhook_id: str) -> None:
        self.book, self.mischief, self.certs, self.webhook_id = book, mischief, certs, webhook_id
        self.url: str | None = None
        self.cert_base = ""
        self.tries, self.first_wait, self.longest_wait = 25, 0.1, 5.0
        self.events, self.settled = Shelf(book, "events"), Shelf(book, "events_settled")
        self._overtaken = asyncio.Event()
        self._gate = asyncio.Semaphore(16)
        self._http: httpx.AsyncClient | None = None

    def make(self, event_type: str, kind: str, resource: dict[str, Any], summary: str = "") -> str:
        """Write an event down; ``deliver`` it afterwards."""
        event_id = f"WH-{uuid.uuid4().hex[:17].upper()}-{uuid.uuid4().hex[:17].upper()}"
        body = {
            "id": event_id,
            "event_version": "1.0",
            "create_time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "resource_type": kind,
            "resource_version": "2.0",
            "event_type": event_type,
            "summary": summary or event_type.replace(".", " ").lower(),
            "resource": resource,
            "links": [
                {"href": f"/v1/notifications/webhooks-events/{event_id}", "rel": "self", "method": "GET"},
                {"href": f"/v1/notifications/webhooks-events/{event_id}/resend", "rel": "resend", "method": "POST"},
            ],
        }
        self.events[event_id] = {
            "type": event_type,
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
        }
        return event_id

    async def close(self) -> None:
        """No more deliveries."""
        if self._http is not None:
            await self._http.aclose()

    def waiting(self) -> list[str]:
        """Events not accepted and not given up yet."""
        return [event_id for event_id in self.events if event_id not in self.settled]

    async def deliver(self, event_id: str) -> None:
        """Try until a 2xx, or until the tries are used up."""
        transmission, wait = (str(uuid.uuid4()), _now()), self.first_wait
        for attempt in range(1, self.tries + 1):
            if self.url is None:
                return
            async with self._gate:
                how, accepted = await self._attempt(event_id, attempt, transmission)
            if how == "lost":
                return
            if accepted:
                self.settled[event_id] = "accepted"
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, self.longest_wait)
        self.settled[event_id] = "given_up"
        self.book.did("webhook_given_up", event_id=event_id)

    async def _attempt(self, event_id: str, attempt: int, transmission: tuple[str, str]) -> tuple[str | None, bool]:
        event = self.events[event_id]
        rule = self.mischief.take(event["type"], HOWS) or self.mischief.take("webhook", HOWS, AT_RANDOM)
        how = rule.how if rule else None
        if rule is not None:
            await self._hold_back(rule)
        headers, body = self._sealed(event["body"].encode(), how, transmission)
        statuses: list[int | None] = [await self._post(headers, body)] if how != "lost" else [None]
        if how == "twice":
            await asyncio.sleep(TWICE_APART)
            statuses.append(await self._post(headers, body))
        self._overtaken.set()
        for status in statuses:
            self.book.did(
                "webhook", event_id=event_id, event_type=event["type"], attempt=attempt, misbehaved=how, status=status
            )
        return how, any(status is not None and 200 <= status < 300 for status in statuses)

    async def _hold_back(self, rule: Rule) -> None:
        if rule.how == "late":
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule.how == "out_of_order":  # until another event has gone out, or nothing else comes
            self._overtaken.clear()
            self._gate.release()
            try:
                await asyncio.wait_for(self._overtaken.wait(), (rule.delay_ms or 1000) / 1000)
            except TimeoutError:
                pass
            finally:
                await self._gate.acquire()

    def _sealed(self, body: bytes, how: str | None, transmission: tuple[str, str]) -> tuple[dict[str, str], bytes]:
        kind = how if how in BAD_CERTS else "good"
        transmission_id, time = transmission
        message = f"{transmission_id}|{time}|{self.webhook_id}|{zlib.crc32(body) & 0xFFFFFFFF}".encode()
        signature = bytearray(self.certs.by_kind(kind).sign(message))
        if how == "wrong_signature":
            signature[0] ^= 0xFF
        if how == "reserialised":
            body = json.dumps(json.loads(body), sort_keys=True).encode()
        base = "https://certs.example.com/v1/notifications/certs" if how == "foreign_url" else self.cert_base
        headers = {
            "Content-Type": "application/json",
            "PAYPAL-TRANSMISSION-ID": transmission_id,
            "PAYPAL-TRANSMISSION-TIME": time,
            "PAYPAL-TRANSMISSION-SIG": base64.b64encode(bytes(signature)).decode(),
            "PAYPAL-CERT-URL": f"{base}/{self.certs.name(kind)}",
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }
        return headers, body

    async def _post(self, headers: dict[str, str], body: bytes) -> int | None:
        assert self.url is not None
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=15, follow_redirects=False)
        try:
            return (await self._http.post(self.url, content=body, headers=headers)).status_code
        except httpx.TransportError:
            return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
