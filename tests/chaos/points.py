"""The instants at which a process may be struck, each a place in its code: before or after a call is made."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from signal import Signals
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """A coroutine function of a module, by its path there; `of` says what its arguments must be about."""

    words: str
    module: str
    path: str
    before: bool
    most: int = 1  # which of so many times is struck, by the dice
    of: str = ""  # what the path of the request must hold


_COMMIT = ("asyncpg.transaction", "Transaction.commit")
_PUBLISH = ("libs.events.relay", "Relay._publish")
_OFFSETS = ("libs.events.kafka.subscription", "KafkaSubscription.commit")
_LOG = ("libs.events.postgres.subscription", "PostgresSubscription.commit")
_HTTP = ("httpx", "AsyncHTTPTransport.handle_async_request")
_MAIL = ("aiosmtplib", "SMTP.data")

POINTS: dict[str, Point] = {
    "commit.before": Point("before a commit", *_COMMIT, before=True, most=6),
    "commit.after": Point("after a commit, before anybody was told", *_COMMIT, before=False, most=6),
    "publish.before": Point("before publishing", *_PUBLISH, before=True, most=2),
    "publish.after": Point("published, not marked as sent", *_PUBLISH, before=False, most=2),
    "offsets.before": Point("consumed, not acknowledged", *_OFFSETS, before=True, most=4),
    "offsets.after": Point("acknowledged", *_OFFSETS, before=False, most=4),
    "log.before": Point("consumed, not acknowledged", *_LOG, before=True, most=4),
    "log.after": Point("acknowledged", *_LOG, before=False, most=4),
    "capture.before": Point("before the first byte of a capture", *_HTTP, before=True, of="/capture"),
    "capture.after": Point("captured, not recorded", *_HTTP, before=False, of="/capture"),
    "booking.before": Point("before the first byte of a booking", *_HTTP, before=True, of="/intern-awb"),
    "booking.after": Point("booked, not recorded", *_HTTP, before=False, of="/intern-awb"),
    "mail.before": Point("before the first byte of a mail", *_MAIL, before=True, most=2),
    "mail.after": Point("mail taken, not recorded", *_MAIL, before=False, most=2),
}


def arm(name: str, nth: int, signal: Signals) -> None:
    """Send this process `signal` when the point is reached for the nth time, once."""
    point = POINTS[name]
    owner: Any = import_module(point.module)
    *way, last = point.path.split(".")
    for part in way:
        owner = getattr(owner, part)
    original: Callable[..., Awaitable[Any]] = getattr(owner, last)
    times = count(1)

    async def struck(*told: Any, **more: Any) -> Any:
        here = _is_about(point, told) and next(times) == nth
        if here and point.before:
            os.kill(os.getpid(), signal)
        answer = await original(*told, **more)
        if here and not point.before:
            os.kill(os.getpid(), signal)
        return answer

    setattr(owner, last, struck)


def _is_about(point: Point, told: tuple[Any, ...]) -> bool:
    return not point.of or point.of in told[1].url.path
