"""One member of a consumer group on the embedded log."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

import asyncpg

from libs.events.bus import BusUnavailableError, LostAssignmentError, Record, TopicPartition
from libs.events.bus_settings import BusSettings
from libs.events.postgres.connections import Connections
from libs.events.postgres.group import Membership
from libs.events.postgres.schema import unpacked
from libs.events.postgres.trim import Trimmer
from libs.events.postgres.wake import CHANNEL, Wake, concerns

_POLL_EVERY = 1.0
_RECORDS = 4000

# No row at all: the generation has moved on. The sum walks the partitions turn by turn, so that a cut is fair to all of
# them and still leaves each a prefix.
_FETCH = """
WITH active AS (
    SELECT topic, partition, w.position
    FROM unnest($3::text[], $4::integer[], $5::bigint[]) AS w(topic, partition, position)
    JOIN bus_partition p USING (topic, partition) WHERE p.next > w.position
), found AS (
    SELECT r.*, sum(r.size) OVER (ORDER BY r.turn, r.topic, r.partition) - r.size AS before
    FROM active a CROSS JOIN LATERAL (
        SELECT *, row_number() OVER (ORDER BY "offset") AS turn FROM bus_record
        WHERE topic = a.topic AND partition = a.partition AND "offset" >= a.position
        ORDER BY "offset" LIMIT least($6::bigint, greatest(1, $7 / (SELECT count(*) FROM active)))
    ) r
)
SELECT f.topic, f.partition, f."offset", f.at, f.key, f.headers, f.value
FROM bus_group g LEFT JOIN found f ON f.before < $8
WHERE g.name = $1 AND g.generation = $2
ORDER BY f.topic, f.partition, f."offset"
"""


class PostgresSubscription:
    """Reads its share of the topics; a background task says that it lives, however slow its owner is."""

    def __init__(
        self,
        group: str,
        topics: Sequence[str],
        connections: Connections,
        wake: Wake,
        trimmer: Trimmer,
        settings: BusSettings,
    ) -> None:
        """Joins when `joined` opens."""
        timeout = timedelta(seconds=settings.session_timeout)
        self._membership = Membership(group, uuid4(), tuple(sorted(set(topics))), timeout)
        self._connections = connections
        self._wake = wake
        self._trimmer = trimmer
        self._settings = settings
        self._generation = 0  # the one this member acts under; 0 is nobody's
        self._heard = 0  # the newest that the background task has heard of
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self._news = asyncio.Event()
        self._look: set[str] = set()  # topics with something to read, as far as is known
        self._looked = float("-inf")  # when all of them were looked at

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """See Subscription."""
        return frozenset(self._positions)

    @asynccontextmanager
    async def joined(self) -> AsyncIterator["PostgresSubscription"]:
        """Be a member inside; hand over at the end. BusUnavailableError when the log is away at the start."""
        await self._enter()
        attending = asyncio.create_task(self._attend())
        try:
            yield self
        finally:
            attending.cancel()
            await asyncio.wait([attending])
            self._generation = 0
            with suppress(BusUnavailableError, TimeoutError):  # then the others wait for the session time-out
                async with asyncio.timeout(5):
                    await self._leave()

    async def poll(self, limit: int, wait: float) -> Mapping[TopicPartition, Sequence[Record]]:
        """See Subscription."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            self._news.clear()
            if self._heard != self._generation or not self._generation:
                await self._rebalance()
            batch = await self._fetch(limit)
            if batch is None:
                continue  # the group has moved on
            left = until - loop.time()
            if batch or left <= 0:
                return batch
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    min(left, _POLL_EVERY)
                ):  # `wait_for` of Python 3.11 can swallow a cancellation
                    await self._news.wait()

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See Subscription."""
        if not offsets:
            return
        if not self._generation or not offsets.keys() <= self._positions.keys():
            raise LostAssignmentError(f"{self._membership.group}: not assigned to this member")
        async with self._connections.use() as connection:
            if not await self._membership.commit(connection, self._generation, offsets):
                # whatever a poll meanwhile took over: the caller now drops the work, so reading starts again
                self._generation = 0
                raise LostAssignmentError(f"{self._membership.group}: the group has moved on")

    def pause(self, places: Sequence[TopicPartition]) -> None:
        """See Subscription."""
        self._paused.update(place for place in places if place in self._positions)

    def resume(self, places: Sequence[TopicPartition]) -> None:
        """See Subscription."""
        self._paused.difference_update(places)
        self._notice(place.topic for place in places)

    async def seek(self, place: TopicPartition, offset: int) -> None:
        """See Subscription."""
        if place not in self._positions:
            raise LostAssignmentError(f"{place.topic}/{place.partition} is not assigned to this member")
        self._positions[place] = offset
        self._notice([place.topic])

    async def _fetch(self, limit: int) -> dict[TopicPartition, list[Record]] | None:
        """What there is to read now; None when this member's generation is an old one.

        Looks where there are news; everywhere once a second, as news may get lost.
        """
        now = asyncio.get_running_loop().time()
        everywhere, look, self._look = now - self._looked >= _POLL_EVERY, self._look, set()
        asked = {
            place: at
            for place, at in self._positions.items()
            if place not in self._paused and (everywhere or place.topic in look)
        }
        if not asked and not everywhere:
            return {}
        try:
            rows = await self._rows(asked, limit)
        except BaseException:  # also of who gives up waiting
            self._look |= look
            raise
        if not rows:
            self._heard = -1
            return None
        if everywhere:
            self._looked = now
        rows = [row for row in rows if row["topic"] is not None]
        records = (record_of(row) for row in rows)
        batch = {}
        for place, found in groupby(records, lambda record: record.place):
            if self._positions.get(place) == asked[place] and place not in self._paused:  # no seek, no pause meanwhile
                batch[place] = list(found)
                self._positions[place] = batch[place][-1].offset + 1
        if sum(len(row["key"]) + len(row["headers"]) + len(row["value"]) for row in rows) >= self._settings.fetch_bytes:
            self._looked = float("-inf")  # cut short
        each = min(limit, _RECORDS // max(1, len(asked)))
        self._look |= {place.topic for place, found in batch.items() if len(found) >= each}
        return batch

    async def _rows(self, asked: Mapping[TopicPartition, int], limit: int) -> list[asyncpg.Record]:
        async with self._connections.use() as connection:
            found: list[asyncpg.Record] = await connection.fetch(
                _FETCH,
                self._membership.group,
                self._generation,
                [place.topic for place in asked],
                [place.partition for place in asked],
                list(asked.values()),
                limit,
                _RECORDS,
                self._settings.fetch_bytes,
            )
        return found

    def _notice(self, topics: Iterable[str]) -> None:
        """There may be something to read of these topics."""
        self._look.update(topics)
        self._news.set()

    async def _enter(self) -> int:
        async with self._connections.use() as connection:
            generation, changed = await self._membership.enter(connection)
        self._heard = generation
        if changed:
            self._wake.group(self._membership.group)
        return generation

    async def _rebalance(self) -> None:
        generation = await self._enter()
        if generation == self._generation:
            return  # old news; reading goes on where it was
        async with self._connections.use() as connection:
            positions = await self._membership.positions(connection, generation)
        if positions is None:
            self._heard = -1
        else:  # under what was asked for: news that came meanwhile stands in `_heard`, for the next turn
            self._positions, self._paused, self._generation = positions, set(), generation
            self._looked = float("-inf")

    async def _leave(self) -> None:
        async with self._connections.use() as connection:
            await self._membership.leave(connection)
        self._wake.group(self._membership.group)

    async def _attend(self) -> None:
        """Listen and say that we live, for ever; after the server was away, again."""
        while True:
            with suppress(BusUnavailableError):
                async with self._connections.alone() as connection:
                    await connection.add_listener(CHANNEL, self._hear)
                    self._looked = float("-inf")  # something may have been said while nobody listened
                    self._news.set()
                    while True:
                        await self._beat(connection)
                        await asyncio.sleep(self._settings.session_timeout / 3)
            await asyncio.sleep(0.2)

    async def _beat(self, connection: "asyncpg.Connection[Any]") -> None:
        heard, settled = await self._membership.beat(connection)
        if not settled:
            heard, changed = await self._membership.enter(connection)
            if changed:
                self._wake.group(self._membership.group)
        self._learn(heard)
        self._trimmer.soon()

    def _learn(self, generation: int) -> None:
        self._heard = generation
        if generation != self._generation:
            self._news.set()

    def _hear(self, _connection: Any, _pid: int, _channel: str, said: str) -> None:
        group, topics = concerns(said, self._membership.group, self._membership.topics)
        if group:
            self._heard = -1
        if group or topics:
            self._notice(topics)


def record_of(row: Any) -> Record:
    """A row of bus_record as the record it is."""
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"].decode(),
        value=row["value"],
        headers=unpacked(row["headers"]),
        timestamp=row["at"],
    )
