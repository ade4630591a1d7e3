"""Writing the read table: an order's row, its words, and what it changes in the counters, in one statement."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from libs.events.transaction import Transaction
from services.orders.desk.folding import found_by
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Order

NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When an order is due that has no open deadline: it has its place in lists all the same."""
FORM = 1
"""Raised whenever what rows say changes: after that upgrade the worker writes all of them anew (`filling`)."""
BUCKETS = {
    "in_preparation": (
        "Confirmed and not held; nothing is packed, booked or gone yet.",
        "o.lifecycle = 'confirmed' AND holds = '{}' AND NOT o.ready AND o.fulfilment IN ('none', 'planned')",
    ),
    "to_ship": (
        "Confirmed and not held; ready or booked, and not all of it has left.",
        """o.lifecycle = 'confirmed' AND holds = '{}'
         AND (o.fulfilment IN ('booked', 'partly_shipped') OR (o.ready AND o.fulfilment IN ('none', 'planned')))""",
    ),
    "returns": (
        "Something of it came back or was lost, and the order has not ended.",
        """o.lifecycle IN ('open', 'confirmed')
         AND (o.fulfilment IN ('returned', 'lost') OR o.returned_told <> '{}')""",
    ),
    "overdue": ("Its payment or its delivery is past its deadline.", "o.overdue <> '{}'"),
    "on_hold": ("A hold stands.", "holds <> '{}'"),
}
"""One-click lists: what each holds, for people and for the database."""
COUNTED = ("lifecycle", "status", "bucket")
"""The kinds of marks that are counted."""
_DUE = """least(o.reserve_until,
    CASE WHEN o.lifecycle IN ('open', 'confirmed') AND o.payment IN ('pending', 'failed') THEN o.payment_due_at END,
    CASE WHEN o.lifecycle = 'confirmed' AND NOT o.delivered_told THEN o.delivery_due_at END)"""
_SAID = {
    "lifecycle": "o.lifecycle",
    "stock": "o.stock",
    "payment": "o.payment",
    "fulfilment": "o.fulfilment",
    "channel": "o.channel",
    "currency": "o.currency",
    "delivery_method": "o.delivery_method",
    "payment_method": "o.payment_method",
    "indicator": "o.indicator",
    "has_awb": "CASE WHEN g.awbs = '{}' THEN 'no' ELSE 'yes' END",
}
_MARKS = f"""
array_remove(ARRAY[
    {", ".join(f"'{kind}:' || {value}" for kind, value in _SAID.items())},
    'status:' || order_status, 'status:' || payment_status, 'status:' || shipping_status,
    {", ".join(f"CASE WHEN {rule} THEN 'bucket:{name}' END" for name, (_, rule) in BUCKETS.items())}
], NULL) || ARRAY(SELECT 'hold:' || kind FROM unnest(holds) AS kind)
         || ARRAY(SELECT 'overdue:' || kind FROM unnest(o.overdue) AS kind)
"""  # noqa: S608 - constants
_COLUMNS = (
    *("placed_at", "updated_at", "total", "due_at", "lifecycle", "order_status", "payment_status", "shipping_status"),
    *("indicator", "holds", "overdue", "awbs", "marks"),
)
_WRITE = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb)
        AS g(order_id uuid, words text[], plain text[], skus text[], awbs text[])
), known AS (
    SELECT l.order_id, l.marks, l.updated_at FROM given g JOIN order_list l ON l.order_id = g.order_id
), shown AS (
    SELECT o.id AS order_id, o.placed_at, o.total, o.lifecycle, order_status, payment_status, shipping_status,
           o.indicator, holds, o.overdue, g.awbs, o.referers, g.skus, g.words, g.plain,
           CASE WHEN $2 THEN now() ELSE coalesce(
               (SELECT k.updated_at FROM known k WHERE k.order_id = o.id),
               (SELECT e.at FROM order_event e WHERE e.order_id = o.id ORDER BY e.number DESC LIMIT 1),
               o.placed_at) END AS updated_at,
           coalesce({_DUE}, $3) AS due_at,
           {_MARKS} AS marks
    FROM given g JOIN orders o ON o.id = g.order_id
    CROSS JOIN LATERAL (
        SELECT (array_agg(s.status_id) FILTER (WHERE s.track = 'order'))[1] AS order_status,
               (array_agg(s.status_id) FILTER (WHERE s.track = 'payment'))[1] AS payment_status,
               (array_agg(s.status_id) FILTER (WHERE s.track = 'shipping'))[1] AS shipping_status
        FROM order_status s WHERE s.order_id = o.id) AS standing
    CROSS JOIN LATERAL (
        SELECT ARRAY(SELECT DISTINCT h.kind FROM hold h WHERE h.order_id = o.id AND h.lifted_at IS NULL
                     ORDER BY h.kind) AS holds) AS stopped
), listed AS (
    INSERT INTO order_list (order_id, {", ".join(_COLUMNS)}) SELECT order_id, {", ".join(_COLUMNS)} FROM shown
    ON CONFLICT (order_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
), searched AS (
    INSERT INTO order_search AS s (order_id, words, plain, referers, skus, placed_at)
    SELECT order_id, array_to_tsvector(words), plain, referers, skus, placed_at FROM shown
    ON CONFLICT (order_id) DO UPDATE SET words = excluded.words, plain = excluded.plain, placed_at = excluded.placed_at
    WHERE s.words IS DISTINCT FROM excluded.words OR s.plain IS DISTINCT FROM excluded.plain OR s.placed_at IS NULL
)
INSERT INTO counter_change (name, change)
SELECT mark, CASE WHEN was.order_id IS NULL THEN 1 ELSE -1 END
FROM (SELECT order_id, unnest(marks) AS mark FROM shown) AS is_now
FULL JOIN (SELECT order_id, unnest(marks) AS mark FROM known) AS was USING (order_id, mark)
WHERE (is_now.order_id IS NULL OR was.order_id IS NULL) AND split_part(mark, ':', 1) = ANY($4::text[])
"""  # noqa: S608 - constants


async def follow(tx: Transaction, changes: Sequence[Change]) -> None:
    """What lists know of orders that have moved; their own rows are written already."""
    await write(tx, [change.order for change in changes])


async def write(tx: Transaction, moved: Sequence[Order], *, anew: bool = False) -> None:
    """The rows of these orders, which the caller has locked. `anew`: nothing of them has moved."""
    given = []
    for order in moved:
        words, plain = found_by(order)
        skus, awbs = sorted({line.sku for line in order.lines}), sorted({awb.awb for awb in order.awbs()})
        given.append({"order_id": str(order.id), "words": words, "plain": plain, "skus": skus, "awbs": awbs})
    await tx.sql.execute(_WRITE, json.dumps(given), not anew, NEVER, COUNTED)
