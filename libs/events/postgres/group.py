"""Consumer groups of the embedded log: who is a member, who reads what, how far each group has read.

Every change of membership happens under the lock of the group's row and moves its generation. A member acts under the
generation it knows; statements of an older one find no row. So a process that was frozen does no harm when it wakes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.bus import TopicPartition
from libs.events.partitions import share

_ENTER = """
WITH gone AS (
    DELETE FROM bus_member WHERE group_name = $1 AND member <> $2 AND expires_at < clock_timestamp() RETURNING 1
), mine AS (
    INSERT INTO bus_member (group_name, member, topics, expires_at) VALUES ($1, $2, $3, clock_timestamp() + $4)
    ON CONFLICT (group_name, member) DO UPDATE SET expires_at = excluded.expires_at RETURNING xmax = 0 AS fresh
)
SELECT EXISTS (SELECT FROM gone) OR (SELECT fresh FROM mine)
"""

_NEXT_GENERATION = """
UPDATE bus_group g SET generation = generation + 1,
    topics = coalesce((SELECT array_agg(DISTINCT t) FROM bus_member m, unnest(m.topics) t WHERE m.group_name = g.name),
                      g.topics)
WHERE name = $1 RETURNING generation
"""

_BEAT = """
WITH mine AS (
    UPDATE bus_member SET expires_at = clock_timestamp() + $3 WHERE group_name = $1 AND member = $2 RETURNING 1
)
SELECT generation,
       EXISTS (SELECT FROM mine) AND NOT EXISTS (
           SELECT FROM bus_member m WHERE m.group_name = g.name AND m.member <> $2 AND m.expires_at < clock_timestamp()
       ) AS settled
FROM bus_group g WHERE name = $1
"""

# FOR SHARE waits for a change of membership under way and then looks at the generation again.
_COMMIT = """
WITH current AS (
    SELECT name FROM bus_group WHERE name = $1 AND generation = $2 FOR SHARE
), moved AS (
    INSERT INTO bus_offset AS o (group_name, topic, partition, next)
    SELECT c.name, w.topic, w.partition, w.next
    FROM current c, unnest($3::text[], $4::integer[], $5::bigint[]) AS w(topic, partition, next)
    ON CONFLICT (group_name, topic, partition) DO UPDATE SET next = greatest(o.next, excluded.next)
)
SELECT EXISTS (SELECT FROM current)
"""


@dataclass(frozen=True, slots=True)
class Membership:
    """A member of a group, as its row says it."""

    group: str
    member: UUID
    topics: tuple[str, ...]
    session_timeout: timedelta

    async def enter(self, connection: "asyncpg.Connection[Any]") -> tuple[int, bool]:
        """Be a member, and remove those who are silent: the generation, and whether this moved it."""
        async with connection.transaction():
            await connection.execute("INSERT INTO bus_group (name) VALUES ($1) ON CONFLICT DO NOTHING", self.group)
            generation = await self._locked(connection)
            changed = await connection.fetchval(
                _ENTER, self.group, self.member, list(self.topics), self.session_timeout
            )
            if changed:
                generation = await connection.fetchval(_NEXT_GENERATION, self.group)
        return generation, bool(changed)

    async def leave(self, connection: "asyncpg.Connection[Any]") -> None:
        """Hand everything over at once."""
        async with connection.transaction():
            await self._locked(connection)
            gone = "DELETE FROM bus_member WHERE group_name = $1 AND member = $2 RETURNING 1"
            if await connection.fetchval(gone, self.group, self.member):
                await connection.execute(_NEXT_GENERATION, self.group)

    async def beat(self, connection: "asyncpg.Connection[Any]") -> tuple[int, bool]:
        """Say that we live: the generation, and whether the membership is settled (if not, `enter` mends it)."""
        row = await connection.fetchrow(_BEAT, self.group, self.member, self.session_timeout)
        return (row["generation"], row["settled"]) if row else (0, False)

    async def positions(
        self, connection: "asyncpg.Connection[Any]", generation: int
    ) -> dict[TopicPartition, int] | None:
        """This member's partitions and the offsets to read on from; None when the group has moved on meanwhile."""
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(
                """SELECT m.member, m.topics FROM bus_group g JOIN bus_member m ON m.group_name = g.name
                   WHERE g.name = $1 AND g.generation = $2 ORDER BY m.member""",
                self.group,
                generation,
            )
            topics_of = {row["member"]: frozenset(row["topics"]) for row in rows}
            if self.member not in topics_of:
                return None
            counts = await connection.fetch("SELECT name, partitions FROM bus_topic WHERE name = ANY($1)", self.topics)
            mine = share(self.member, topics_of, list(topics_of), {row["name"]: row["partitions"] for row in counts})
            read = await connection.fetch(
                "SELECT topic, partition, next FROM bus_offset WHERE group_name = $1", self.group
            )
        committed = {TopicPartition(row["topic"], row["partition"]): int(row["next"]) for row in read}
        return {place: committed.get(place, 0) for place in mine}

    async def commit(
        self, connection: "asyncpg.Connection[Any]", generation: int, offsets: Mapping[TopicPartition, int]
    ) -> bool:
        """Remember the next offsets to read, never backwards; False when the generation is an old one."""
        places = sorted(offsets)
        return bool(
            await connection.fetchval(
                _COMMIT,
                self.group,
                generation,
                [place.topic for place in places],
                [place.partition for place in places],
                [offsets[place] for place in places],
            )
        )

    async def _locked(self, connection: "asyncpg.Connection[Any]") -> int:
        lock = "SELECT generation FROM bus_group WHERE name = $1 FOR UPDATE"
        return int(await connection.fetchval(lock, self.group) or 0)
