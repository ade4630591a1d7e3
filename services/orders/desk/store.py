"""Every statement that only reads orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.desk.out import OrderOut, order_out
from services.orders.lifecycle import store as orders
from services.orders.lifecycle.store import SUMMARY

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


@dataclass(frozen=True, slots=True)
class Filters:
    """Which orders a list shows; None does not narrow."""

    channel: str | None = None
    external_id: str | None = None
    lifecycle: str | None = None
    stock: str | None = None
    payment: str | None = None
    fulfilment: str | None = None
    hold: str | None = None
    customer_id: UUID | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None
    referers: tuple[str, ...] = ()
    referer_match: Literal["any", "only"] = "any"

    def where(self, arguments: list[Any]) -> list[str]:
        """The conditions; their arguments are appended."""

        def is_given(condition: str, value: Any) -> list[str]:
            if value is None:
                return []
            arguments.append(value)
            return [condition.format(f"${len(arguments)}")]

        equal = ("channel", "external_id", "lifecycle", "stock", "payment", "fulfilment", "customer_id")
        found = [c for name in equal for c in is_given(f"o.{name} = {{}}", getattr(self, name))]
        found += is_given("o.placed_at >= {}", self.placed_from) + is_given("o.placed_at < {}", self.placed_until)
        found += is_given(
            "EXISTS (SELECT FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL AND h.kind = {})", self.hold
        )
        if self.referers:
            found += is_given("o.referers && {}::text[]", list(self.referers))
            if self.referer_match == "only":
                found += is_given("o.referers <@ {}::text[]", list(self.referers))
        return found


async def page(
    tx: Transaction, filters: Filters, after: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """Orders, the newest first, from behind `after`."""
    arguments: list[Any] = []
    conditions = filters.where(arguments)
    if after is not None:
        arguments += after
        conditions.append(f"(o.placed_at, o.id) < (${len(arguments) - 1}, ${len(arguments)})")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    arguments.append(limit)
    statement = f"{SUMMARY} {where} ORDER BY o.placed_at DESC, o.id DESC LIMIT ${len(arguments)}"
    return [dict(row) for row in await tx.sql.fetch(statement, *arguments)]


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
