"""A small service of our own for the kernel's tests: one table of counters, one fact, one effect."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, ClassVar
from uuid import UUID

import asyncpg

from libs.events import schema
from libs.events.bus import Topic
from libs.events.contract import Event
from libs.events.transaction import Transaction, new_id


class Counted(Event):
    """A counter went up."""

    topic: ClassVar[str] = "counter.counted"
    counter: UUID
    value: int
    note: str = ""

    @property
    def key(self) -> str:
        """The counter's id."""
        return str(self.counter)


@dataclass(frozen=True)
class Counter:
    """A row of the emitting side."""

    __tablename__: ClassVar[str] = "counter"
    noun: ClassVar[str] = "counter"
    id: UUID


TOPIC = Topic("counter.counted", partitions=4)
TABLES = """
CREATE TABLE counter (id uuid PRIMARY KEY, fact_sequence bigint NOT NULL DEFAULT 0, value bigint NOT NULL DEFAULT 0);
CREATE TABLE effect (
    n bigint GENERATED ALWAYS AS IDENTITY, fact uuid NOT NULL, counter uuid NOT NULL, value bigint NOT NULL
);
"""


async def prepare(url: str) -> None:
    """The kernel's tables and ours."""
    connection = await asyncpg.connect(url)
    try:
        for step in schema.VERSIONS:
            await connection.execute(step)
        await connection.execute(TABLES)
    finally:
        await connection.close()


async def opened(tx: Transaction) -> Counter:
    """A new counter."""
    counter = Counter(new_id())
    await tx.sql.execute("INSERT INTO counter (id) VALUES ($1)", counter.id)
    return counter


async def count(tx: Transaction, counter: Counter, note: str = "") -> int:
    """Count one up and say so."""
    value = await tx.sql.fetchval("UPDATE counter SET value = value + 1 WHERE id = $1 RETURNING value", counter.id)
    await tx.emit(counter, Counted(counter=counter.id, value=value, note=note))
    return int(value)


async def note_effect(tx: Transaction, event: Counted) -> None:
    """The effect that must happen once."""
    assert tx.fact is not None
    await tx.sql.execute(
        "INSERT INTO effect (fact, counter, value) VALUES ($1, $2, $3)", tx.fact.id, event.counter, event.value
    )


async def until(condition: Callable[[], Awaitable[Any]], within: float = 60) -> Any:
    """Wait for a condition; its value."""
    end = monotonic() + within
    while not (value := await condition()):
        assert monotonic() < end, "never came true"
        await asyncio.sleep(0.02)
    return value
