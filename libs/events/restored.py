"""After a database was put back: the log starts empty, and every fact that is still kept goes out again.

Facts keep their old names, so that an inbox that knows one drops it, and their old order.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg

from libs.events.bus import Bus, BusUnavailableError, Refused, Sent
from libs.events.errors import backoff
from libs.events.relay import _outgoing

BATCH = 500
TRIES = 10
POSITIONS_AHEAD = 1_000_000_000
"""How far the feed jumps: more than was ever given between a backup and the loss."""


class NotQuietError(Exception):
    """Something still runs on this database."""


async def begin(connection: "asyncpg.Connection[Any]") -> None:
    """Let cursors of the feed never meet a position twice, and forget the bus: whichever is named next is its own."""
    await connection.execute("UPDATE feed_head SET position = position + $1", POSITIONS_AHEAD)
    await connection.execute("DELETE FROM bus_in_use")


async def empty(url: str, names: Sequence[str], **settings: Any) -> None:
    """Throw away what the log holds of these topics, and how far groups have read. Topics have to be made anew."""
    if url.startswith("kafka://"):
        from libs.events.kafka import emptying as kafka  # noqa: PLC0415 - the embedded bus must not need the Kafka client

        await kafka.empty(url, names, **settings)
    else:
        from libs.events.postgres import emptying as postgres  # noqa: PLC0415 - beside the other

        await postgres.empty(url)


async def resend(database_url: str, bus: Bus) -> tuple[int, int]:
    """Publish all that `outbox_sent` keeps, in the order it first went out; how many facts, how many were refused.

    BusUnavailableError when the bus stays away; running it again is harmless.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url, timeout=10)
    sent = refused = 0
    last = 0
    try:
        while rows := await connection.fetch(_KEPT, last, BATCH):
            gone = await _published(bus, rows)
            sent, refused, last = sent + len(rows) - gone, refused + gone, rows[-1]["position"]
    finally:
        await connection.close()
    return sent, refused


async def _published(bus: Bus, rows: Sequence[Any]) -> int:
    """Publish a batch again and again until all of it got through; how many were refused for good.

    The bus lets nothing of a key overtake what failed.
    """
    left, refused = list(rows), 0
    for attempt in range(1, TRIES + 1):
        outcomes = await bus.publish([_outgoing(row) for row in left])
        refused += sum(isinstance(outcome, Refused) for outcome in outcomes)
        left = [row for row, o in zip(left, outcomes, strict=True) if not isinstance(o, Sent | Refused)]
        if not left:
            return refused
        await asyncio.sleep(backoff(attempt, most=5))
    raise BusUnavailableError(f"{len(left)} facts did not get through")


_KEPT = "SELECT * FROM outbox_sent WHERE position > $1 ORDER BY position LIMIT $2"
