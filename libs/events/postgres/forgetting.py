"""Forgetting a person in the embedded log: its records keep their place and what they say, without the person."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from libs.events.erasing import without_person

_FOUND = 'SELECT topic, partition, "offset", value FROM bus_record WHERE key = ANY($1::bytea[])'
_KEEP = 'UPDATE bus_record SET value = $4 WHERE topic = $1 AND partition = $2 AND "offset" = $3'


async def forget(connection: "asyncpg.Connection[Any]", keys: Sequence[str]) -> int:
    """Take the person out of every record of these keys; how many records changed."""
    rows = await connection.fetch(_FOUND, [key.encode() for key in keys])
    told = [(row["topic"], row["partition"], row["offset"], without_person(row["value"])) for row in rows]
    told = [each for each, row in zip(told, rows, strict=True) if each[3] != row["value"]]
    await connection.executemany(_KEEP, told)
    return len(told)
