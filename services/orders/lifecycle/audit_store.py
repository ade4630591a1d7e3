"""Every statement that reads timelines for an audit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction

AT_ONCE = 200  # orders that are looked at in one transaction
_ROW = """e.number, e.event_id, e.topic, e.at, e.actor, e.correlation_id, e.causation_id, e.detail, e.before, e.after,
       e.personal"""
_EVENTS = f"SELECT {_ROW} FROM order_event e WHERE e.order_id = $1 AND e.number > $2 ORDER BY e.number LIMIT $3"  # noqa: S608 - constants
_FOUND = f"SELECT {_ROW}, e.order_id, o.number AS order_number"
_CHAINED = f"""
SELECT o.id, o.number AS order_number, o.events, o.chain AS head, {_ROW}, e.salt, e.personal_digest, e.chain
FROM orders o LEFT JOIN order_event e ON e.order_id = o.id WHERE o.id = ANY($1::uuid[]) ORDER BY o.id, e.number
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Search:
    """What of all timelines is looked for; at least an actor or a customer."""

    actor: str | None
    customer_id: UUID | None
    topic: str | None
    since: datetime | None
    until: datetime | None


async def events(tx: Transaction, order_id: UUID, after: int, limit: int) -> list[dict[str, Any]] | None:
    """The rows of a timeline behind a number; None when there is no such order."""
    rows = await tx.sql.fetch(_EVENTS, order_id, after, limit)
    if not rows and not await tx.sql.fetchval("SELECT true FROM orders WHERE id = $1", order_id):
        return None
    return [dict(row) for row in rows]


def query(search: Search, place: tuple[datetime, UUID, int] | None, limit: int) -> tuple[str, list[Any]]:
    """The statement of a search, the newest first, from behind `place`; and its arguments."""
    arguments: list[Any] = []
    source = "order_event e JOIN orders o ON o.id = e.order_id"
    given = (
        ("e.actor = {}", search.actor),
        ("o.customer_id = {}", search.customer_id),
        ("e.topic = {}", search.topic),
        ("e.at >= {}", search.since),
        ("e.at < {}", search.until),
    )
    conditions = []
    for condition, value in given:
        if value is not None:
            arguments.append(value)
            conditions.append(condition.format(f"${len(arguments)}"))
    if place is not None:
        first = len(arguments) + 1
        arguments += place
        conditions.append(f"(e.at, e.order_id, e.number) < (${first}, ${first + 1}, ${first + 2})")
    arguments.append(limit)
    where = " AND ".join(conditions)
    order = "ORDER BY e.at DESC, e.order_id DESC, e.number DESC"
    return f"{_FOUND} FROM {source} WHERE {where} {order} LIMIT ${len(arguments)}", arguments


async def found(
    tx: Transaction, search: Search, place: tuple[datetime, UUID, int] | None, limit: int
) -> list[dict[str, Any]]:
    """Rows of all timelines, the newest first, from behind `place`."""
    statement, arguments = query(search, place, limit)
    return [dict(row) for row in await tx.sql.fetch(statement, *arguments)]


async def order_ids(tx: Transaction, after: UUID | None, number: str | None = None) -> list[UUID]:
    """The orders to look at next, or the one of this number."""
    rows = await tx.sql.fetch(
        """SELECT id FROM orders WHERE ($1::uuid IS NULL OR id > $1) AND ($2::text IS NULL OR number = $2)
           ORDER BY id LIMIT $3""",
        after,
        number,
        AT_ONCE,
    )
    return [row["id"] for row in rows]


async def chained(tx: Transaction, ids: list[UUID]) -> AsyncIterator[Any]:
    """Each order with its rows, of one instant, never all of them in memory; `number` is None where it has none."""
    async for row in tx.sql.cursor(_CHAINED, ids, prefetch=500):
        yield row
