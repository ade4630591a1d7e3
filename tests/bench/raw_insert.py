"""The raw limit of placing an order: the very rows that one order made, inserted by one prepared statement."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.transaction import new_id

PLACES = (
    ("idempotency_key", "key = $1", "key"),
    ("orders", "id = $1", "order"),
    ("order_line", "order_id = $1 ORDER BY position", "order"),
    ("order_adjustment", "order_id = $1 ORDER BY position", "order"),
    ("order_event", "order_id = $1 ORDER BY number", "order"),
    ("outbox", "aggregateid = $1 ORDER BY seq", "order"),
)
KEPT = {"customer_id", "correlation_id", "ce_correlationid"}
UNIQUE = {("orders", "number"), ("orders", "external_id"), ("idempotency_key", "key")}
_COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' ORDER BY attnum
"""


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one table: `columns` are names and types."""

    table: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Any, ...], ...]


async def rows_of(url: str, external_id: str) -> list[Part]:
    """Every row that taking this order in has written; its external id is its Idempotency-Key too."""
    connection = await asyncpg.connect(url)
    order = await connection.fetchval("SELECT id FROM orders WHERE external_id = $1", external_id)
    parts = []
    for table, where, by in PLACES:
        columns = tuple((row["name"], row["type"]) for row in await connection.fetch(_COLUMNS, table))
        names = ", ".join(name for name, _ in columns)
        wanted = external_id if by == "key" else order
        found = await connection.fetch(f"SELECT {names} FROM {table} WHERE {where}", wanted)  # noqa: S608 - constants
        if found:
            parts.append(Part(table, columns, tuple(tuple(row) for row in found)))
    await connection.close()
    return parts


def statement(parts: Sequence[Part]) -> str:
    """One statement for all of them: single rows by VALUES, many by arrays."""
    inserts, at = [], 1
    for part in parts:
        names = ", ".join(name for name, _ in part.columns)
        if len(part.rows) == 1:
            given = ", ".join(f"${at + n}::{kind}" for n, (_, kind) in enumerate(part.columns))
            inserts.append(f"INSERT INTO {part.table} ({names}) VALUES ({given})")  # noqa: S608 - the catalogue's names
        else:
            given = ", ".join(f"${at + n}::{kind}[]" for n, (_, kind) in enumerate(part.columns))
            inserts.append(f"INSERT INTO {part.table} ({names}) SELECT * FROM unnest({given})")  # noqa: S608 - likewise
        at += len(part.columns)
    first = ", ".join(f"i{n} AS ({insert})" for n, insert in enumerate(inserts[:-1]))
    return f"WITH {first} {inserts[-1]}"


def another(parts: Sequence[Part], mark: str) -> list[Any]:
    """The parameters of the same rows under ids and numbers of their own."""
    ids: dict[UUID, UUID] = {}
    parameters: list[Any] = []
    for part in parts:
        columns = []
        for at, (name, _) in enumerate(part.columns):
            values = [row[at] for row in part.rows]
            if (part.table, name) in UNIQUE:
                values = [mark for _ in values]
            elif name not in KEPT:
                values = [ids.setdefault(value, new_id()) if isinstance(value, UUID) else value for value in values]
            columns.append(values)
        parameters += [values[0] for values in columns] if len(part.rows) == 1 else columns
    return parameters


async def insert_all(url: str, sql: str, orders: list[list[Any]], clients: int) -> float:
    """Insert them, so many at once, each by one statement that commits by itself; how many a second."""
    connections = [await asyncpg.connect(url) for _ in range(clients)]
    prepared = [await connection.prepare(sql) for connection in connections]
    waiting = iter(orders)

    async def work(insert: Any) -> None:
        for parameters in waiting:
            await insert.fetch(*parameters)

    started = time.perf_counter()
    await asyncio.gather(*(work(insert) for insert in prepared))
    seconds = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    return len(orders) / seconds
