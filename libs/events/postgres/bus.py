"""The Bus on PostgreSQL; see the port for its promises."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager

import asyncpg

from libs.events.bus import (
    BusUnavailableError,
    Difference,
    Failed,
    Outcome,
    Outgoing,
    Record,
    Sent,
    Topic,
    TopicPartition,
)
from libs.events.bus_settings import BusSettings, refusal
from libs.events.partitions import partition_of
from libs.events.postgres import forgetting, schema, trim
from libs.events.postgres.connections import Connections
from libs.events.postgres.schema import packed
from libs.events.postgres.subscription import PostgresSubscription, record_of
from libs.events.postgres.wake import Wake

_CHUNK_BYTES = 8_000_000

# One statement, so one transaction, whatever the batch. Offsets come from the partitions' rows, locked in sorted order
# (no two batches wait for each other) and kept until the commit: a reader that sees offset n sees all before it.
# A sequence would not do that (measured: 3,752 of 140,932 records lost).
_APPEND = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::integer[], $3::bytea[], $4::bytea[], $5::bytea[])
        WITH ORDINALITY AS g(topic, partition, key, headers, value, n)
), wanted AS (
    SELECT topic, partition, count(*) AS records FROM given GROUP BY topic, partition
), locked AS (
    SELECT topic, partition, w.records FROM bus_partition p JOIN wanted w USING (topic, partition)
    ORDER BY topic, partition FOR UPDATE OF p
), taken AS (
    UPDATE bus_partition p SET next = p.next + l.records FROM locked l
    WHERE p.topic = l.topic AND p.partition = l.partition
    RETURNING p.topic, p.partition, p.next - l.records AS first
), appended AS (
    INSERT INTO bus_record (topic, partition, "offset", at, size, key, headers, value)
    SELECT topic, partition, t.first + row_number() OVER (PARTITION BY topic, partition ORDER BY g.n) - 1,
           clock_timestamp(), octet_length(g.key) + octet_length(g.headers) + octet_length(g.value),
           g.key, g.headers, g.value
    FROM given g JOIN taken t USING (topic, partition)
)
SELECT topic, partition, first FROM taken
"""

_LAG = """
SELECT p.topic, p.partition, p.next - greatest(p.first, coalesce(o.next, 0)) AS behind
FROM bus_group g JOIN bus_partition p ON p.topic = ANY(g.topics)
LEFT JOIN bus_offset o ON (o.group_name, o.topic, o.partition) = (g.name, p.topic, p.partition)
WHERE g.name = $1 ORDER BY p.topic, p.partition
"""


class PostgresBus:
    """The Bus of small installations; see the port for its promises."""

    def __init__(self, url: str, settings: BusSettings) -> None:
        """`url` names the log's own database. Connects at first use."""
        self._connections = Connections(url, settings)
        self._settings = settings
        self._wake = Wake(self._connections)
        self._partitions: dict[str, int] = {}  # fixed when a topic is made
        self._trimmer = trim.Trimmer(self._connections)

    async def publish(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """See Bus."""
        outcomes: list[Outcome | None] = [refusal(record) for record in records]
        waiting = [n for n, refused in enumerate(outcomes) if refused is None]
        problem = await self._learn({records[n].topic for n in waiting})
        waiting = self._without_unknown(waiting, records, outcomes) if problem is None else waiting
        for chunk in _chunks(waiting, records):
            sent = Failed(problem) if problem else await self._append([records[n] for n in chunk])
            if isinstance(sent, Failed):
                problem = sent.reason  # nothing that comes after may overtake
            for place, n in enumerate(chunk):
                outcomes[n] = sent if isinstance(sent, Failed) else sent[place]
        self._trimmer.soon()
        return [outcome for outcome in outcomes if outcome is not None]

    def subscribe(self, group: str, topics: Sequence[str]) -> AbstractAsyncContextManager[PostgresSubscription]:
        """See Bus."""
        return PostgresSubscription(
            group, topics, self._connections, self._wake, self._trimmer, self._settings
        ).joined()

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        """See Bus; makes the log's tables as well."""
        async with self._connections.use() as connection:
            made = await schema.create_topics(connection, topics)
        self._wake.topics(made)
        return made

    async def check_topics(self, topics: Sequence[Topic]) -> Difference:
        """See Bus."""
        async with self._connections.use() as connection:
            return await schema.check_topics(connection, topics)

    async def lag(self, group: str) -> dict[TopicPartition, int]:
        """See Bus."""
        async with self._connections.use() as connection:
            rows = await connection.fetch(_LAG, group)
        return {TopicPartition(row["topic"], row["partition"]): row["behind"] for row in rows}

    async def read(self, topic: str) -> list[Record]:
        """See Bus."""
        async with self._connections.use() as connection:
            query = 'SELECT * FROM bus_record WHERE topic = $1 ORDER BY partition, "offset"'
            return [record_of(row) for row in await connection.fetch(query, topic)]

    async def trim(self, **limits: int) -> int:
        """Delete records past their retention now; how many. Also done once a minute by whoever publishes or reads."""
        async with self._connections.use() as connection:
            return await trim.trim(connection, **limits)

    async def forget(self, keys: Sequence[str]) -> int:
        """See Bus."""
        async with self._connections.use() as connection:
            return await forgetting.forget(connection, keys)

    async def identity(self) -> str:
        """See Bus."""
        async with self._connections.use() as connection:
            query = "SELECT system_identifier || '/' || current_database() FROM pg_control_system()"
            return f"postgres:{await connection.fetchval(query)}"

    async def unguarded(self) -> list[str]:
        """See Bus."""
        return []

    async def close(self) -> None:
        """See Bus."""
        await self._trimmer.close()
        await self._wake.close()
        await self._connections.close()

    async def _learn(self, topics: set[str]) -> str | None:
        """Look up topics not seen before; what prevents it."""
        unknown = list(topics - self._partitions.keys())
        if not unknown:
            return None
        try:
            async with self._connections.use() as connection:
                query = "SELECT name, partitions FROM bus_topic WHERE name = ANY($1)"
                rows = await connection.fetch(query, unknown)
        except (BusUnavailableError, asyncpg.PostgresError) as error:
            return str(error)
        self._partitions |= {row["name"]: row["partitions"] for row in rows}
        return None

    def _without_unknown(
        self, waiting: Sequence[int], records: Sequence[Outgoing], outcomes: list[Outcome | None]
    ) -> list[int]:
        """Those that can be appended: a record of an unknown topic fails, and with it the later ones of its key."""
        stopped: dict[str, Failed] = {}
        able = []
        for n in waiting:
            topic, key = records[n].topic, records[n].key
            if topic not in self._partitions:
                stopped.setdefault(key, Failed(f"there is no topic {topic}"))
            if key in stopped:
                outcomes[n] = stopped[key]
            else:
                able.append(n)
        return able

    async def _append(self, records: Sequence[Outgoing]) -> list[Outcome] | Failed:
        """Append in one transaction, all or none."""
        keys = [record.key.encode() for record in records]
        places = [
            TopicPartition(record.topic, partition_of(key, self._partitions[record.topic]))
            for record, key in zip(records, keys, strict=True)
        ]
        try:
            async with self._connections.use() as connection:
                rows = await connection.fetch(
                    _APPEND,
                    [place.topic for place in places],
                    [place.partition for place in places],
                    keys,
                    [packed(record.headers) for record in records],
                    [record.value for record in records],
                )
        except (BusUnavailableError, asyncpg.PostgresError) as error:
            return Failed(str(error))
        following = {TopicPartition(row["topic"], row["partition"]): row["first"] for row in rows}
        outcomes: list[Outcome] = []
        for place in places:
            outcomes.append(Sent(place.partition, following[place]))
            following[place] += 1
        self._wake.topics({place.topic for place in following})
        return outcomes


def _chunks(waiting: Sequence[int], records: Sequence[Outgoing]) -> Iterator[list[int]]:
    """Cut a batch where its values would be too much for one statement; nearly always it stays whole."""
    chunk: list[int] = []
    size = 0
    for n in waiting:
        if chunk and size + len(records[n].value) > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(n)
        size += len(records[n].value)
    if chunk:
        yield chunk
