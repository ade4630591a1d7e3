"""The three kinds of error a consumer meets: what passes by itself, what will never pass, and what may be a bug."""

import asyncio
import random
from collections.abc import Iterator
from enum import Enum, auto

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from libs.events.bus import BusUnavailableError
from libs.events.consumer import RefusedFact
from libs.events.envelope import UndecodableError

_PASSING = ("08", "40", "53", "57", "58", "25P03", "55P03", "23505")
"""SQLSTATE classes and codes that pass: connection, serialization and deadlock, resources, shutdown and cancel, system,
an idle transaction ended, a lock time-out, and a unique violation (somebody else is just writing the same row)."""


class Kind(Enum):
    """What to do about an error."""

    TRANSIENT = auto()  # wait and try again, for ever
    FINAL = auto()  # a dead letter at once
    UNEXPECTED = auto()  # some tries, then a dead letter


def kind_of(error: BaseException) -> Kind:
    """Which of the three an error is."""
    if isinstance(error, UndecodableError | RefusedFact):
        return Kind.FINAL
    if any(_passes(cause) for cause in _chain(error)):
        return Kind.TRANSIENT
    return Kind.UNEXPECTED


def _passes(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate or "").startswith(_PASSING)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    passing = (
        OSError,
        asyncio.TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        PoolTimeoutError,
        BusUnavailableError,
    )
    return isinstance(error, passing)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen = 0
    while error is not None and seen < 10:  # noqa: PLR2004 - a chain is short; a ring would be endless
        yield error
        if isinstance(error, DBAPIError) and error.orig is not None:
            yield error.orig
        error, seen = error.__cause__, seen + 1


def backoff(attempt: int, *, first: float = 0.1, most: float = 15.0) -> float:
    """Seconds to wait before the next try: doubling, with jitter so that no two wait alike."""
    return min(most, first * 2.0 ** min(attempt, 20)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
