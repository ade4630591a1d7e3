"""Retention of the embedded log: old records go, and of compacted topics all but the newest of each key."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import asyncpg

from libs.events.bus import BusUnavailableError
from libs.events.postgres.connections import Connections

_EVERY = 60.0

# Offsets and times run together within a partition, so the old ones are the first ones.
_EXPIRED = """
WITH old AS (
    SELECT topic, partition, "offset" FROM bus_partition p JOIN bus_topic t ON t.name = p.topic CROSS JOIN LATERAL (
        SELECT "offset", at FROM bus_record r WHERE r.topic = p.topic AND r.partition = p.partition
        ORDER BY "offset" LIMIT $1
    ) r
    WHERE t.retention IS NOT NULL AND r.at < clock_timestamp() - t.retention
    LIMIT $1
), gone AS (
    DELETE FROM bus_record r USING old o
    WHERE (r.topic, r.partition, r."offset") = (o.topic, o.partition, o."offset")
    RETURNING r.topic, r.partition, r."offset"
), reached AS (
    SELECT topic, partition, max("offset") + 1 AS first FROM gone GROUP BY topic, partition
)
UPDATE bus_partition p SET first = greatest(p.first, e.first) FROM reached e
WHERE (p.topic, p.partition) = (e.topic, e.partition)
RETURNING (SELECT count(*) FROM gone)
"""

_GROWN = """
SELECT p.topic, p.partition, p.next FROM bus_partition p JOIN bus_topic t ON t.name = p.topic
WHERE t.compacted AND p.next - p.compacted >= $1
"""

_COMPACT = """
DELETE FROM bus_record r USING (
    SELECT "offset", max("offset") OVER (PARTITION BY key) AS newest FROM bus_record
    WHERE topic = $1 AND partition = $2 AND "offset" < $3
) k
WHERE r.topic = $1 AND r.partition = $2 AND r."offset" = k."offset" AND k."offset" < k.newest
"""


async def trim(connection: "asyncpg.Connection[Any]", *, chunk: int = 2000, compact_after: int = 1000) -> int:
    """Delete what may go, in short transactions of at most `chunk` records; how many expired. One process at a time.

    A partition of a compacted topic is compacted after each `compact_after` new records.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtext('comanda bus trim'))"):
        return 0
    try:
        expired = 0
        while gone := await connection.fetchval(_EXPIRED, chunk):
            expired += gone
        for row in await connection.fetch(_GROWN, compact_after):
            place = row["topic"], row["partition"], row["next"]
            await connection.execute(_COMPACT, *place)
            done = "UPDATE bus_partition SET compacted = $3 WHERE topic = $1 AND partition = $2"
            await connection.execute(done, *place)
        return expired
    finally:
        await connection.execute("SELECT pg_advisory_unlock(hashtext('comanda bus trim'))")


class Trimmer:
    """Trims in the background, once a minute at most, for as long as somebody publishes or reads."""

    def __init__(self, connections: Connections) -> None:
        """The first trim comes a minute after the start."""
        self._connections = connections
        self._last = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    def soon(self) -> None:
        """Trim if it is time."""
        if time.monotonic() - self._last >= _EVERY and (self._task is None or self._task.done()):
            self._last = time.monotonic()
            self._task = asyncio.create_task(self._trim())

    async def close(self) -> None:
        """Stop; what is left is the next one's work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _trim(self) -> None:
        with suppress(BusUnavailableError):
            async with self._connections.use() as connection:
                await trim(connection)
