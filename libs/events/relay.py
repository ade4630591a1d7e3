"""The relay: one at a time per database, it publishes what waits in the outbox, in the order in which it was committed.

Others stand by. The one that works holds a session advisory lock on a connection of its own, which the server ends
when it is silent for five seconds: a holder that died, hangs or was stopped loses the lock, and with it the only
connection that could move a row.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from libs.events import metrics
from libs.events.bus import Bus, BusUnavailableError, Outcome, Outgoing, Refused, Sent
from libs.events.connection import BY_KEY, Connection
from libs.events.envelope import Envelope
from libs.events.errors import Kind, backoff, kind_of

log = logging.getLogger(__name__)
LOCK = 0x636F6D616E6461  # "comanda"
SILENT = 5  # seconds without a word until the server ends the holder's session
LEASE = 3.5  # seconds since its last word after which a holder does not publish before it has asked again
CHANNEL = "outbox"
BATCH = 500
PACE = 0.015
AHEAD = 2  # batches looked up at once


class LostLockError(Exception):
    """Another relay works now."""


@dataclass(slots=True)
class _Block:
    """A key whose record did not get through: left out of the batches until `retry`."""

    tries: int
    retry: float


class Relay:
    """Publishes one service's outbox. Run as many as you like: one works, the rest take over within seconds."""

    def __init__(
        self,
        database_url: str,
        service: str,
        bus: Bus,
        *,
        feed: Sequence[str] = (),
        retention: timedelta = timedelta(days=7),
        every: float = 1.0,
        pace: float = PACE,
    ) -> None:
        """`feed`: topics whose facts also get a row in `feed`, kept for ever. `every`: seconds between polls.

        `pace`: seconds from one batch to the next where the first was not full, so that facts of a busy moment go
        together. What comes after a quiet moment goes at once.
        """
        self._url = database_url
        self._service = service
        self._bus = bus
        self._feed = list(feed)
        self._retention = retention
        self._every = every
        self._pace = pace
        self._blocks: dict[str, _Block] = {}
        self._woken = asyncio.Event()
        self._turn = asyncio.Lock()  # the one connection serves the ping and the work
        self._heard = 0.0
        self._tidied = -1e9

    async def run(self, stop: asyncio.Event) -> None:
        """Relay, or stand by, until `stop`; what is being published is finished first."""
        attempt = 0
        while not stop.is_set():
            try:
                async with self._lock(stop) as connection:
                    if connection is not None:
                        attempt = 0
                        await self._work(connection, stop)
            except Exception as error:
                if not isinstance(error, LostLockError) and kind_of(error) is not Kind.TRANSIENT:
                    raise
                attempt += 1
                log.warning("the relay of %s lost its place: %s", self._service, type(error).__name__)
                await _rest(stop, backoff(attempt, most=3))

    async def drain(self) -> int:
        """Publish all that waits now, and say how many facts that was; LostLockError if another relay works."""
        sent = 0
        connection = await self._connected()
        try:
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                raise LostLockError(self._service)
            while done := await self._round(connection):
                sent += done
        finally:
            await connection.close()
        return sent

    async def _connected(self) -> "asyncpg.Connection[Any]":
        silent = f"{SILENT}s"
        settings = {"idle_session_timeout": silent, "idle_in_transaction_session_timeout": silent}
        # jit: compiling a statement that runs for a millisecond cost it fifty
        settings |= BY_KEY | {"application_name": f"comanda-{self._service}-relay", "jit": "off"}
        connection: asyncpg.Connection[Any] = await asyncpg.connect(
            self._url, server_settings=settings, timeout=10, connection_class=Connection
        )
        self._heard = _clock()
        return connection

    @asynccontextmanager
    async def _lock(self, stop: asyncio.Event) -> AsyncIterator["asyncpg.Connection[Any] | None"]:
        """The connection that holds the lock, once it is ours; None if `stop` came first."""
        connection = await self._connected()
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
                if stop.is_set():
                    yield None
                    return
                await _rest(stop, 0.5)
            self._heard = _clock()
            metrics.relay_active(self._service, active=True)
            yield connection
        finally:
            metrics.relay_active(self._service, active=False)
            with suppress(Exception):
                await connection.close(timeout=2)

    async def _work(self, connection: "asyncpg.Connection[Any]", stop: asyncio.Event) -> None:
        await connection.add_listener(CHANNEL, lambda *_: self._woken.set())
        await connection.execute("SET client_min_messages = warning")
        ping = asyncio.create_task(self._ping(connection))
        try:
            while not stop.is_set():
                self._woken.clear()
                if ping.done():
                    ping.result()
                await self._tidy(connection)
                began = _clock()
                sent = await self._round(connection)
                if not sent:
                    await self._wait(stop)
                elif sent < BATCH:
                    await _rest(stop, began + self._pace - _clock())
        finally:
            ping.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await ping

    async def _ping(self, connection: "asyncpg.Connection[Any]") -> None:
        """A word a second, also while the broker keeps us waiting."""
        while True:
            await asyncio.sleep(1)
            async with self._turn:
                await connection.execute("SELECT 1", timeout=SILENT)
                self._heard = _clock()

    async def _round(self, connection: "asyncpg.Connection[Any]") -> int:
        """Publish what waits, up to some batches, and move what got through; how many.

        While one batch is moved the next is published already; none follows one that did not get through whole.
        """
        now = _clock()
        blocked = [key for key, block in self._blocks.items() if block.retry > now]
        async with self._turn:
            rows = await connection.fetch(_UNSENT, blocked, BATCH * AHEAD, timeout=30)
            self._heard = _clock()
        done, again, moving = 0, 0, None
        try:
            for first in range(0, len(rows), BATCH):
                if _clock() - self._heard > LEASE:  # frozen since its last word: ask again before a byte leaves
                    again = 1
                    break
                batch = rows[first : first + BATCH]
                outcomes = await self._publish(batch)
                if moving is not None:
                    done += await moving
                moving = asyncio.create_task(self._settle(connection, batch, outcomes))
                if not all(isinstance(outcome, Sent) for outcome in outcomes):
                    break
        finally:
            if moving is not None:
                done += await moving
        return done or again

    async def _settle(
        self, connection: "asyncpg.Connection[Any]", rows: Sequence[Any], outcomes: Sequence[Outcome]
    ) -> int:
        """Move what got through, mark what never will; how many were sent."""
        sent = [row["seq"] for row, outcome in zip(rows, outcomes, strict=True) if isinstance(outcome, Sent)]
        refused = {row["seq"]: o.reason for row, o in zip(rows, outcomes, strict=True) if isinstance(o, Refused)}
        async with self._turn:
            if sent:
                await connection.execute(_MOVE, sent, self._feed, timeout=30)
            if refused:
                await connection.execute(_REFUSE, list(refused), list(refused.values()), timeout=30)
            self._heard = _clock()
        metrics.published(self._service, len(sent))
        for reason in refused.values():
            log.error("the broker refuses a fact of %s for good: %s", self._service, reason)
        self._note_blocks(rows, outcomes)
        if not sent and not refused:
            raise BusUnavailableError("nothing got through")
        return len(sent)

    async def _publish(self, rows: Sequence[Any]) -> list[Outcome]:
        """Publish; a key's facts keep their order, and one that fails stops the later ones: the bus promises it."""
        return await self._bus.publish([_outgoing(row) for row in rows])

    def _note_blocks(self, rows: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """A key with a failed record waits, alone; one that got through is free again."""
        failed: dict[str, str] = {}
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, Sent | Refused):
                self._blocks.pop(row["key"], None)
            else:
                failed.setdefault(row["key"], outcome.reason)
        for key, reason in failed.items():
            tries = self._blocks[key].tries + 1 if key in self._blocks else 1
            self._blocks[key] = _Block(tries, _clock() + backoff(tries, first=0.2, most=10))
            log.warning("a fact of %s did not get through, try %d: %s", self._service, tries, reason)

    async def _wait(self, stop: asyncio.Event) -> None:
        retries = [block.retry - _clock() for block in self._blocks.values()]
        seconds = max(0.02, min([self._every, *retries]))
        waits = [asyncio.create_task(self._woken.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _tidy(self, connection: "asyncpg.Connection[Any]") -> None:
        """Now and then: measure, make tomorrow's partition of `outbox_sent`, drop what is older than topics are."""
        if _clock() - self._tidied < 5:  # noqa: PLR2004 - seconds
            return
        first, self._tidied = self._tidied < 0, _clock()
        async with self._turn:
            row = await connection.fetchrow(_STATE)
            assert row is not None  # noqa: S101 - an aggregate query answers a row
            metrics.database(self._service, row)
            if first or datetime.now(UTC).minute == 0:
                await connection.execute("SELECT comanda_tidy_outbox($1)", self._retention, timeout=60)


def _outgoing(row: Any) -> Outgoing:
    envelope = Envelope(
        id=row["id"],
        type=row["type"],
        source=row["ce_source"],
        subject=f"{row['aggregatetype']}/{row['aggregateid']}",
        time=row["ce_time"],
        dataschema=row["ce_dataschema"],
        sequence=row["ce_sequence"],
        actor=row["ce_actor"],
        correlation_id=row["ce_correlationid"],
        causation_id=row["ce_causationid"],
        depth=row["ce_depth"],
        traceparent=row["traceparent"],
    )
    return Outgoing(row["type"], row["key"], row["payload"].encode(), envelope.headers())


def _clock() -> float:
    return asyncio.get_running_loop().time()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # `wait_for` of Python 3.11 can swallow a cancellation
            await stop.wait()


_UNSENT = """SELECT * FROM outbox WHERE refused IS NULL AND NOT key = ANY($1::text[]) ORDER BY seq LIMIT $2"""

_STATE = """SELECT count(*) FILTER (WHERE refused IS NULL) AS depth,
    count(*) FILTER (WHERE refused IS NOT NULL) AS refused,
    coalesce(extract(epoch FROM now() - min(ce_time) FILTER (WHERE refused IS NULL)), 0)::float AS age,
    (SELECT count(*) FROM dead_letter WHERE closed_at IS NULL) AS letters,
    (SELECT count(*) FROM partition_state WHERE paused_at IS NOT NULL) AS paused,
    pg_database_size(current_database()) AS bytes FROM outbox"""

_REFUSE = """UPDATE outbox o SET refused = r.reason
FROM unnest($1::bigint[], $2::text[]) AS r(seq, reason) WHERE o.seq = r.seq"""

# One statement: gone from the outbox, kept in outbox_sent under its place in the feed, which only the holder of the
# locked counter gives. Readers of positions never see a hole that is filled later.
_MOVE = """
WITH moved AS (
    DELETE FROM outbox WHERE seq = ANY($1::bigint[]) RETURNING *
), head AS (
    UPDATE feed_head SET position = position + (SELECT count(*) FROM moved) RETURNING position
), placed AS (
    SELECT m.*, h.position - (SELECT count(*) FROM moved) + row_number() OVER (ORDER BY m.seq) AS position
    FROM moved m CROSS JOIN head h
), fed AS (
    INSERT INTO feed (position, id, type, aggregateid)
    SELECT position, id, type, aggregateid FROM placed WHERE type = ANY($2::text[])
)
INSERT INTO outbox_sent (seq, id, aggregatetype, aggregateid, type, key, shard, payload, ce_source, ce_time,
                         ce_dataschema, ce_sequence, ce_actor, ce_correlationid, ce_causationid, ce_depth,
                         traceparent, position)
SELECT seq, id, aggregatetype, aggregateid, type, key, shard, payload, ce_source, ce_time, ce_dataschema,
       ce_sequence, ce_actor, ce_correlationid, ce_causationid, ce_depth, traceparent, position
FROM placed
"""
