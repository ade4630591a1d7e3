"""What a gateway is asked, and how its answers are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Protocol

import httpx

from libs.service.due import Answer, Unknown, Wait

OUR_PAUSE = 60.0
"""Seconds until a gateway that refuses our credentials is asked again: settings to mend, no message to drop."""


@dataclass(frozen=True, slots=True)
class Sms:
    """An SMS as it is handed over. `known`: the gateway's names of other ones to the same number."""

    reference: str
    to: str
    sender: str
    text: str
    since: datetime
    attempts: int
    doubts: int
    absent: int
    known: frozenset[str] = frozenset()


class Gateway(Protocol):
    """Somebody who sends SMS. Both calls may raise what httpx raises; that is then a doubt, or a wait."""

    looks_up: bool
    """Whether it can be asked what became of an SMS; then `known` is filled in for `look_up`."""

    async def send(self, sms: Sms) -> Answer:
        """Hand it over; Succeeded carries the gateway's name of it."""

    async def look_up(self, sms: Sms) -> Answer:
        """Find out what became of one whose answer was lost, and hand it over again where nothing did."""


def not_now(reply: httpx.Response) -> Wait | Unknown | None:
    """An answer that says nothing of this SMS: credentials to mend, too many at once, a server that is broken."""
    if reply.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Wait(OUR_PAUSE, f"{reply.status_code}: the gateway refuses our credentials")
    if reply.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        after = reply.headers.get("retry-after", "")
        return Wait(float(after) if after.isascii() and after.isdigit() else None, "429")
    if reply.is_server_error:
        return Unknown(str(reply.status_code))
    return None


def member(reply: httpx.Response, path: Sequence[str]) -> str | None:
    """A member of a JSON answer as text; None where there is none."""
    try:
        found = reply.json()
        for name in path:
            found = found[int(name) if isinstance(found, list) else name]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return str(found)[:200] if isinstance(found, str | int) else None
