"""Every statement of saying why an order does not move, and of its tree of cause and effect."""

from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.desk.why import Seen
from services.orders.lifecycle import store

MOST = 2000
"""Facts of an order that a tree shows at most: the newest."""
_WORK = "SELECT kind, service, what, since, next_try FROM order_work WHERE order_id = $1 AND NOT cleared ORDER BY since"
_TOLD = "SELECT topic, max(at) AS at FROM order_event WHERE order_id = $1 GROUP BY topic"
_PAUSED = """SELECT topic, min(paused_at) AS since FROM partition_state WHERE paused_at IS NOT NULL
             GROUP BY topic ORDER BY since"""
_REFUSED = """
SELECT DISTINCT ON (f.rule_id) r.name AS rule, s.mnemonic AS status, f.reason, f.at
FROM status_refusal f JOIN status s ON s.id = f.status_id JOIN status_rule r ON r.id = f.rule_id
WHERE f.order_id = $1 AND NOT EXISTS (
    SELECT FROM order_status o WHERE o.order_id = f.order_id AND o.status_id = f.status_id)
ORDER BY f.rule_id, f.at DESC
"""
_TREE = """
SELECT event_id, number, topic, at, actor, correlation_id, causation_id, detail FROM (
    SELECT * FROM order_event WHERE order_id = $1 ORDER BY number DESC LIMIT $2
) AS newest ORDER BY number
"""


async def seen(tx: Transaction, order_id: UUID) -> Seen | None:
    """An order and what is known around it; None when there is no such order."""
    order = await store.read(tx, order_id)
    if order is None:
        return None
    time_zone = await tx.sql.fetchval("SELECT time_zone FROM channel WHERE code = $1", order.channel)
    told = {row["topic"]: row["at"] for row in await tx.sql.fetch(_TOLD, order_id)}
    work, paused = await tx.sql.fetch(_WORK, order_id), await tx.sql.fetch(_PAUSED)
    return Seen(order, time_zone, told, work, paused, await tx.sql.fetch(_REFUSED, order_id))


async def facts(tx: Transaction, order_id: UUID) -> tuple[str, list[Any]] | None:
    """An order's number and its newest facts, the oldest of them first; None when there is no such order."""
    number = await tx.sql.fetchval("SELECT number FROM orders WHERE id = $1", order_id)
    return (number, list(await tx.sql.fetch(_TREE, order_id, MOST))) if number else None
