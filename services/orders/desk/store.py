"""Every statement that only reads orders."""

from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.desk.out import OrderOut, order_out
from services.orders.lifecycle import store as orders

_ROW = "SELECT taken_at, taken_by, customer, attributes, referers FROM orders WHERE id = $1"
_LINES = """
SELECT id, position, sku, ean, name, options, category, image_url, unit, unit_price, discount, promotion, vat_rate,
       weight_g, unit_cost, components, attributes, ships, total
FROM order_line WHERE order_id = $1 ORDER BY position
"""
_ADJUSTMENTS = (
    "SELECT sign, kind, code, name, amount, vat_rate FROM order_adjustment WHERE order_id = $1 ORDER BY position"
)
_STUCK = (
    "SELECT service, kind, what, since, next_try FROM order_work WHERE order_id = $1 AND NOT cleared ORDER BY since"
)
_TIMELINE = """
SELECT number, event_id, topic, at, actor, correlation_id, causation_id, detail, before, after, personal
FROM order_event
WHERE order_id = $1 AND number > $2 ORDER BY number LIMIT $3
"""
_FEED = """
SELECT f.position, f.aggregateid AS id FROM feed f JOIN orders o ON o.id = f.aggregateid
WHERE f.type = 'order.created' AND f.position > $1 AND NOT o.historic ORDER BY f.position LIMIT $2
"""


async def one_view(tx: Transaction) -> None:
    """All that this transaction reads is of one instant. Its first statement."""
    await tx.sql.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def whole(tx: Transaction, order_id: UUID) -> OrderOut | None:
    """An order with everything that was submitted and has happened since."""
    order = await orders.read(tx, order_id)
    row = await tx.sql.fetchrow(_ROW, order_id)
    if order is None or row is None:
        return None
    lines, adjustments = await tx.sql.fetch(_LINES, order_id), await tx.sql.fetch(_ADJUSTMENTS, order_id)
    return order_out(order, dict(row), lines, adjustments, await tx.sql.fetch(_STUCK, order_id))


async def timeline(tx: Transaction, order_id: UUID, after: int, limit: int) -> list[dict[str, Any]] | None:
    """The facts about an order behind number `after`; None when there is no such order."""
    rows = await tx.sql.fetch(_TIMELINE, order_id, after, limit)
    if not rows and not await tx.sql.fetchval("SELECT true FROM orders WHERE id = $1", order_id):
        return None
    return [dict(row) for row in rows]


async def feed(tx: Transaction, position: int, limit: int) -> list[tuple[int, UUID]]:
    """New orders behind a position: each once, in the order in which they were published."""
    return [(row["position"], row["id"]) for row in await tx.sql.fetch(_FEED, position, limit)]
