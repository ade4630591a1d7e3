"""FAN Courier, API v2. A booking is sent once; if its answer is lost it is found by its reference in the day's slip."""

import asyncio
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from libs.contracts.common import Money
from libs.service.outside import Absent, Answer, Failed, Succeeded, Unknown, Wait
from services.shipping.couriers import callbacks
from services.shipping.couriers.fan_form import shipment, wrong
from services.shipping.couriers.port import Account, Booked, Consignment, Listed
from services.shipping.tracking.domain import FIRST, LAST, Seen, Status

ZONE = ZoneInfo("Europe/Bucharest")
CLOCK = "%Y-%m-%d %H:%M:%S"
PAGE = 100
NO_SUCH_AWB = 404
BEGINNINGS = {"pdf": b"%PDF", "zpl": b"^XA"}


@cache
def facts() -> Mapping[str, Any]:
    """The courier's map of codes and services, from the file beside this one."""
    return tomllib.loads((Path(__file__).parent / "fan.toml").read_text(encoding="utf-8"))


@cache
def statuses() -> Mapping[str, Status]:
    """FAN's codes in our words."""
    return {code: Status(status) for status, codes in facts()["statuses"].items() for code in codes}


class Fan:
    """FAN under one account, with its options (`client_id`, `service`, `letters`, `collecting`) and credentials."""

    polls = True

    def __init__(self, account: Account, http: httpx.AsyncClient, base_url: str, timeout: timedelta) -> None:
        self.account = account
        self._http, self._base, self._timeout = http, base_url.rstrip("/"), timeout.total_seconds()
        self._token = ""
        self._until = datetime.min.replace(tzinfo=UTC)
        self._login = asyncio.Lock()

    async def book(self, consignment: Consignment) -> Answer:
        """Ask for an AWB. What FAN would refuse by its form is refused here, by field, before anything is sent."""
        if found := wrong(consignment):
            return Failed(found)
        info = shipment(consignment, self.account.options, facts()["collecting"])
        reply = await self._ask("POST", "/intern-awb", json=self._client({"shipments": [info]}))
        if not isinstance(reply, httpx.Response):
            return reply
        match _json(reply):
            case {"response": [{"errors": dict() | list() | str() as errors}]} if errors:
                return Failed(_told(errors))
            case {"response": [{"awbNumber": int() | str() as awb} as made]} if str(awb).strip():
                return Succeeded(Booked(str(awb).strip(), _money(made.get("tariff"))))
        return Unknown("an answer that makes no sense")

    async def find(self, reference: str, days: Sequence[date]) -> Answer:
        """Look through the slips of these days."""
        awbs: list[str] = []
        for day in days:
            rows = await self._slip(day)
            if isinstance(rows, Wait | Unknown):
                return rows
            awbs += [each.awb for each in rows if each.reference == reference]
        if not awbs:
            return Absent()
        first, *strays = sorted(set(awbs))
        return Succeeded(Booked(first, strays=tuple(strays)))

    async def listed(self, days: Sequence[date]) -> list[Listed]:
        """The slips of these days."""
        found = []
        for day in days:
            rows = await self._slip(day)
            if isinstance(rows, Wait | Unknown):
                raise httpx.HTTPError(rows.reason)
            found += rows
        return found

    async def _slip(self, day: date) -> list[Listed] | Wait | Unknown:
        """Every parcel of a day."""
        found: list[Listed] = []
        page = 1
        while True:
            asked = {"date": day.isoformat(), "page": page, "perPage": PAGE}
            reply = await self._ask("GET", "/reports/awb", params=self._client(asked))
            if not isinstance(reply, httpx.Response):
                return Unknown(reply.reason) if isinstance(reply, Failed) else reply
            match _json(reply):
                case {"data": list() as rows, **rest}:
                    found += [slip for row in rows if (slip := _slip_of(row, day)) is not None]
                    if page >= int(rest.get("totalPages") or 1):
                        return found
                case _:
                    return Unknown("a slip that makes no sense")
            page += 1

    async def void(self, awb: str) -> Answer:
        """Delete an AWB; FAN refuses once it has the parcel. One that does not exist is gone."""
        reply = await self._ask("DELETE", "/awb", params=self._client({"awb": awb}))
        if isinstance(reply, Failed) and reply.data == NO_SUCH_AWB:
            return Succeeded()
        return Succeeded() if isinstance(reply, httpx.Response) else reply

    async def label(self, awb: str, size: str, format_: str) -> Answer:
        """The courier's own; A6 only where the account books with letter X."""
        asked = {"awbs[]": awb, format_: 1, "format": size}
        reply = await self._ask("GET", "/awb/label", params=self._client(asked))
        if not isinstance(reply, httpx.Response):
            return reply
        is_label = reply.content.lstrip().startswith(BEGINNINGS[format_])
        return Succeeded(reply.content) if is_label else Unknown(f"a label that is no {format_}")

    async def track(self, awbs: Sequence[str]) -> list[Seen]:
        """The events of many AWBs in one call."""
        asked = [("clientId", str(self.account.options["client_id"])), *(("awb[]", awb) for awb in awbs)]
        reply = await self._ask("GET", "/reports/awb/tracking", params=asked)
        if not isinstance(reply, httpx.Response):
            raise httpx.HTTPError(reply.reason)
        rows = _json(reply).get("data")
        if not isinstance(rows, list):
            raise ValueError("a tracking report that makes no sense")  # noqa: TRY004 - not a matter of Python types
        return [seen for row in rows if isinstance(row, dict) for seen in _events(row)]

    def link(self, awb: str, token: str) -> str:  # noqa: ARG002 - the port's
        """FAN's public page, or the account's own template."""
        template = self.account.tracking_link or str(facts()["tracking_link"])
        return template.replace("{number}", str(httpx.QueryParams({"n": awb}))[2:])

    def parse_callback(self, raw: bytes) -> list[Seen]:
        """From an aggregator that sends FAN's codes in our form."""
        return callbacks.parsed(raw, statuses())

    # The wire.

    def _client(self, more: dict[str, Any]) -> dict[str, Any]:
        return {"clientId": self.account.options["client_id"], **more}

    async def _ask(self, method: str, path: str, **request: Any) -> httpx.Response | Wait | Unknown | Failed:
        """One request. A token that FAN forgot is fetched anew once: a 401 has done nothing."""
        first = await self._once(method, path, **request)
        if isinstance(first, httpx.Response) and first.status_code == httpx.codes.UNAUTHORIZED:
            self._until = datetime.min.replace(tzinfo=UTC)
            first = await self._once(method, path, **request)
        return _judged(first) if isinstance(first, httpx.Response) else first

    async def _once(self, method: str, path: str, **request: Any) -> httpx.Response | Wait:
        token = await self._authorised()
        if isinstance(token, Wait):
            return token
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return await self._http.request(method, self._base + path, headers=headers, timeout=self._timeout, **request)

    async def _authorised(self) -> str | Wait:
        """A live token. Whatever goes wrong here, nothing else has been asked yet: the same call is right later."""
        async with self._login:
            if datetime.now(UTC) < self._until:
                return self._token
            given = {name: self.account.credentials.get(name, "") for name in ("username", "password")}
            try:
                reply = await self._http.post(f"{self._base}/login", params=given, timeout=self._timeout)
                granted = reply.json()["data"]
                until = datetime.strptime(granted["expiresAt"], CLOCK).replace(tzinfo=ZONE)
                self._token = str(granted["token"])
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                return Wait(reason=f"no login: {type(error).__name__}")
            self._until = until - timedelta(minutes=5)
            return self._token


def _judged(reply: httpx.Response) -> httpx.Response | Wait | Unknown | Failed:
    if reply.is_success:
        return reply
    if reply.status_code in (401, 429):
        return Wait(reason=f"HTTP {reply.status_code}")
    if reply.is_client_error:
        return Failed(f"HTTP {reply.status_code}: {_told(_json(reply))}", data=reply.status_code)
    return Unknown(f"HTTP {reply.status_code}")


def _json(reply: httpx.Response) -> dict[str, Any]:
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _slip_of(row: Any, day: date) -> Listed | None:
    """A line of the slip: the reference is its cost centre, and ends its content after the order's number."""
    match row:
        case {"info": {"awbNumber": awb, **info}}:
            reference, content = str(info.get("costCenter")), str(info.get("content") or "")
            number = content.removesuffix(f" {reference}") if content.endswith(f" {reference}") else None
            return Listed(reference, str(awb), day, number)
    return None


def _told(errors: Any) -> str:
    """Their reasons as one line: field and message."""
    match errors:
        case {"errors": dict() as inner}:
            return _told(inner)
        case dict():
            return "; ".join(f"{name}: {_told(reason)}" for name, reason in errors.items())[:500]
        case list():
            return " ".join(_told(each) for each in errors)[:500]
        case _:
            return str(errors)[:500]


def _money(amount: Any) -> Money | None:
    try:
        return Money(int((Decimal(str(amount)) * 100).to_integral_value()), "RON")
    except (InvalidOperation, ValueError):
        return None


def _events(row: dict[str, Any]) -> list[Seen]:
    found = []
    for event in row.get("events") or []:
        code = str(event.get("id") or "")
        try:
            at = datetime.strptime(str(event.get("date")), CLOCK).replace(tzinfo=ZONE)
        except ValueError:
            continue  # an event without a time says nothing
        if not FIRST <= at <= LAST:
            continue
        status = statuses().get(code, Status.UNKNOWN)
        text, place = str(event.get("name") or ""), str(event.get("location") or "")
        found.append(Seen(str(row.get("awbNumber")), code, status, at.astimezone(UTC), text[:500], place[:200]))
    return found
