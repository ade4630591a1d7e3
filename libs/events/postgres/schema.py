"""The tables of the embedded log: topics, partitions, records, groups."""

from collections.abc import Sequence
from datetime import timedelta
from struct import Struct
from typing import Any

import asyncpg

from libs.events.bus import Difference, Headers, Topic

_TABLES = """
CREATE TABLE IF NOT EXISTS bus_topic (
    name text PRIMARY KEY,
    partitions integer NOT NULL CHECK (partitions > 0),
    retention interval,  -- NULL: kept for ever
    compacted boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS bus_partition (
    topic text NOT NULL REFERENCES bus_topic,
    partition integer NOT NULL CHECK (partition >= 0),
    next bigint NOT NULL DEFAULT 0,     -- the offset of the next record; moved by the appending transaction alone
    first bigint NOT NULL DEFAULT 0,    -- what was before is trimmed
    compacted bigint NOT NULL DEFAULT 0, -- `next` when it was last compacted
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS bus_record (
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    at timestamptz NOT NULL,
    size integer NOT NULL,
    key bytea NOT NULL,
    headers bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
);
CREATE TABLE IF NOT EXISTS bus_group (
    name text PRIMARY KEY,
    generation bigint NOT NULL DEFAULT 0,  -- moves whenever a member comes or goes; older ones may not commit
    topics text[] NOT NULL DEFAULT '{}'
);
CREATE TABLE IF NOT EXISTS bus_member (
    group_name text NOT NULL REFERENCES bus_group,
    member uuid NOT NULL,
    topics text[] NOT NULL,
    expires_at timestamptz NOT NULL,  -- by this server's clock
    PRIMARY KEY (group_name, member)
);
CREATE TABLE IF NOT EXISTS bus_offset (
    group_name text NOT NULL REFERENCES bus_group,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
);
"""

_COUNT, _LENGTHS = Struct("!H"), Struct("!HI")


def packed(headers: Headers) -> bytes:
    """Headers as bytes: how many, then for each the lengths of name and value, the name, the value."""
    parts = [_COUNT.pack(len(headers))]
    for name, value in headers:
        text = name.encode()
        parts += (_LENGTHS.pack(len(text), len(value)), text, value)
    return b"".join(parts)


def unpacked(data: bytes) -> Headers:
    """What `packed` packed."""
    headers, place = [], _COUNT.size
    for _ in range(_COUNT.unpack_from(data)[0]):
        name, value = _LENGTHS.unpack_from(data, place)
        start = place + _LENGTHS.size
        place = start + name + value
        headers.append((data[start : start + name].decode(), data[start + name : place]))
    return tuple(headers)


async def create_topics(connection: "asyncpg.Connection[Any]", topics: Sequence[Topic]) -> list[str]:
    """Make tables and topics that are missing; the names of the topics made. Two at once wait for each other."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('comanda bus schema'))")
        if await connection.fetchval("SELECT to_regclass('bus_offset')") is None:
            await connection.execute(_TABLES)
        made = await connection.fetch(
            """INSERT INTO bus_topic (name, partitions, retention, compacted)
               SELECT * FROM unnest($1::text[], $2::integer[], $3::interval[], $4::boolean[])
               ON CONFLICT DO NOTHING RETURNING name, partitions""",
            [topic.name for topic in topics],
            [topic.partitions for topic in topics],
            [topic.retention for topic in topics],
            [topic.compacted for topic in topics],
        )
        names = [row["name"] for row in made]
        await connection.executemany(
            "INSERT INTO bus_partition (topic, partition) SELECT $1, generate_series(0, $2 - 1)",
            [(row["name"], row["partitions"]) for row in made],
        )
        # members that wait for these topics divide them at once
        await connection.execute("UPDATE bus_group SET generation = generation + 1 WHERE topics && $1::text[]", names)
    return names


async def check_topics(connection: "asyncpg.Connection[Any]", topics: Sequence[Topic]) -> Difference:
    """Compare what exists with what must."""
    if await connection.fetchval("SELECT to_regclass('bus_topic')") is None:
        return Difference(missing=sorted(topic.name for topic in topics))
    found = {row["name"]: row for row in await connection.fetch("SELECT * FROM bus_topic")}
    difference = Difference()
    for topic in topics:
        if (row := found.get(topic.name)) is None:
            difference.missing.append(topic.name)
            continue
        for what in ("partitions", "retention", "compacted"):
            if row[what] != getattr(topic, what):
                wanted = _said(getattr(topic, what))
                difference.wrong.append(f"{topic.name}: {what} is {_said(row[what])}, must be {wanted}")
    return difference


def _said(value: timedelta | int | None) -> str:
    return "for ever" if value is None else str(value)
