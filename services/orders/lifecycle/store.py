"""Every statement about an order that moves: lock it, read it, write it back."""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.common import Person, PickupPoint, WorkCleared, WorkStuck
from libs.contracts.inventory import ReservationSnapshot
from libs.contracts.orders import (
    CancelReason,
    DeliveryKind,
    FulfilmentAxis,
    GiveBack,
    HoldKind,
    Lifecycle,
    OnShortage,
    Overdue,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.contracts.payments import PaymentSnapshot
from libs.contracts.shipping import FulfilmentSnapshot
from libs.events.transaction import Transaction
from services.orders.lifecycle.axes import Heard, Part
from services.orders.lifecycle.clock import Clock, Hours
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lines import Hold, Line
from services.orders.lifecycle.timeline import Entry
from services.orders.lifecycle.timeline_store import ENTRIES, rows_of

_ENUMS: dict[str, type[StrEnum]] = {
    "on_shortage": OnShortage,
    "lifecycle": Lifecycle,
    "stock": StockAxis,
    "payment": PaymentAxis,
    "fulfilment": FulfilmentAxis,
    "delivery_kind": DeliveryKind,
    "payment_kind": PaymentKind,
    "cancel_wanted": CancelReason,
    "cancel_reason": CancelReason,
    "give_back": GiveBack,
}
PARTS: dict[str, type[ReservationSnapshot] | type[PaymentSnapshot] | type[FulfilmentSnapshot]] = {
    "reservation": ReservationSnapshot,
    "payment": PaymentSnapshot,
    "fulfilment": FulfilmentSnapshot,
}
MOVING = (
    *("version", "events", "lifecycle", "stock", "payment", "fulfilment", "round", "reserved_once", "ready"),
    *("cancel_request", "cancel_wanted", "expiring", "reserve_until", "cancel_reason", "give_back", "paid_told"),
    *("delivered_told", "shipped_told", "returned_told", "delivery_kind", "payment_kind", "reserve_minutes"),
    *("chain", "payment_due_at", "delivery_due_at", "overdue"),
)
"""The columns that change after an order was placed."""
_FIXED = (
    *("id", "number", "channel", "external_id", "language", "placed_at", "historic", "on_shortage", "currency"),
    *("goods", "delivery", "charges", "discounts", "total", "delivery_method", "payment_method", "customer_id"),
)
_SELECT = f"SELECT {', '.join((*_FIXED, *MOVING))}, person, pickup_point, now() AS read_at FROM orders"  # noqa: S608 - constants
_READ = f"{_SELECT} WHERE id = $1"
SUMMARY = """
SELECT o.id, o.number, o.version, o.channel, o.external_id, o.placed_at, o.historic, o.lifecycle, o.stock, o.payment,
       o.fulfilment, o.cancel_request, o.cancel_reason, o.currency, o.total, o.customer_id, o.person->>'name' AS name,
       ARRAY(SELECT DISTINCT kind FROM hold WHERE order_id = o.id AND lifted_at IS NULL ORDER BY kind) AS holds
FROM orders o
"""
# Read after the lock: what a statement reads beside the row that it waits for may be older than the row.
_REST = """
SELECT id,
       ARRAY(SELECT ROW(id, position, sku, name, unit, unit_price, total, quantity, vat_rate, weight_g, ships, cut)
             FROM order_line WHERE order_id = o.id ORDER BY position) AS lines,
       ARRAY(SELECT ROW(id, kind, about, reason, placed_at, placed_by, fields::text, lifted_at, lifted_by)
             FROM hold WHERE order_id = o.id ORDER BY placed_at, id) AS holds,
       ARRAY(SELECT ROW(kind, part_id, snapshot::text, seen)
             FROM order_part WHERE order_id = o.id ORDER BY part_id) AS parts,
       (SELECT ROW(c.time_zone, c.working_days, c.opens, c.closes, c.holidays::text[], d.rules::text)
        FROM orders x JOIN channel c ON c.code = x.channel CROSS JOIN deadline_settings d
        WHERE x.id = o.id AND x.lifecycle IN ('open', 'cancelled') AND d.rules <> '[]') AS clock
FROM unnest($1::uuid[]) AS o(id)
"""
_HOLD = """
INSERT INTO hold (id, order_id, kind, about, reason, fields, placed_at, placed_by, lifted_at, lifted_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (id) DO UPDATE SET lifted_at = excluded.lifted_at, lifted_by = excluded.lifted_by
"""
_KINDS = """
SELECT (SELECT fact->>'kind' FROM known_delivery_method WHERE code = $1 ORDER BY version DESC LIMIT 1) AS delivery,
       (SELECT fact->>'kind' FROM known_payment_method WHERE code = $2 ORDER BY version DESC LIMIT 1) AS payment
"""
_PART = """
INSERT INTO order_part (order_id, kind, part_id, version, snapshot, seen)
SELECT $1, $16::text, $17::uuid, $18::bigint, $19::jsonb, $20::text[] WHERE $17::uuid IS NOT NULL
ON CONFLICT (order_id, kind, part_id)
DO UPDATE SET version = excluded.version, snapshot = excluded.snapshot, seen = excluded.seen
"""
_SAVE = f"""
WITH told AS ({ENTRIES}), heard AS ({_PART})
UPDATE orders SET {", ".join(f"{name} = ${n}" for n, name in enumerate(MOVING, 21))} WHERE id = $1
"""  # noqa: S608 - constants


async def locked(tx: Transaction, order_id: UUID) -> tuple[Order, datetime] | None:
    """The order under its lock, and the database's time; None when there is no such order."""
    return await _loaded(tx, f"{_READ} FOR UPDATE", order_id)


async def read(tx: Transaction, order_id: UUID) -> Order | None:
    """The order as it is, for looking at."""
    found = await _loaded(tx, _READ, order_id)
    return found[0] if found else None


async def summary(tx: Transaction, order_id: UUID) -> dict[str, Any]:
    """What a list shows of an order that there is."""
    return dict(await tx.sql.fetchrow(f"{SUMMARY} WHERE o.id = $1", order_id))


async def _loaded(tx: Transaction, statement: str, order_id: UUID) -> tuple[Order, datetime] | None:
    row = await tx.sql.fetchrow(statement, order_id)
    if row is None:
        return None
    return _whole(row, await tx.sql.fetchrow(_REST, [order_id])), row["read_at"]


async def locked_all(tx: Transaction, order_ids: Sequence[UUID]) -> tuple[dict[UUID, Order], datetime | None]:
    """Those of these orders that there are, each under its lock, taken in sorted order; and the database's time."""
    rows = await tx.sql.fetch(f"{_SELECT} WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", sorted(order_ids))
    rest = {row["id"]: row for row in await tx.sql.fetch(_REST, [row["id"] for row in rows])}
    return {row["id"]: _whole(row, rest[row["id"]]) for row in rows}, rows[0]["read_at"] if rows else None


def _whole(row: Any, rest: Any) -> Order:
    order = _order(dict(row))
    order.lines = [Line(*line) for line in rest["lines"]]
    order.holds = [_hold(*hold) for hold in rest["holds"]]
    order.heard = _heard(rest["parts"])
    order.clock = clock_of(*rest["clock"]) if rest["clock"] else None
    return order


def _order(row: dict[str, Any]) -> Order:
    row.pop("read_at")
    for name, kind in _ENUMS.items():
        row[name] = kind(row[name]) if row[name] is not None else None
    row["overdue"] = [Overdue(kind) for kind in row["overdue"]]
    person, point = row.pop("person"), row.pop("pickup_point")
    return Order(
        **row,
        person=Person.model_validate(person) if person else None,
        pickup_point=PickupPoint.model_validate(point) if point else None,
    )


def clock_of(time_zone: str, days: list[str], opens: str, closes: str, holidays: list[str], rules: str) -> Clock:
    """What an order's deadlines are counted by, from its channel's columns and the rules."""
    return Clock.of(
        Hours(time_zone, frozenset(days), opens, closes, frozenset(map(date.fromisoformat, holidays))), rules
    )


def _hold(  # noqa: PLR0913, PLR0917 - the columns of a row
    hold_id: UUID,
    kind: str,
    about: str,
    reason: str,
    placed_at: datetime,
    placed_by: str,
    fields: str,
    lifted_at: datetime | None,
    lifted_by: str | None,
) -> Hold:
    found = json.loads(fields)
    return Hold(hold_id, HoldKind(kind), about, reason, placed_at, placed_by, found, lifted_at, lifted_by)


def _heard(rows: list[tuple[str, UUID, str, list[str]]]) -> Heard:
    heard = Heard()
    for kind, part_id, snapshot, seen in rows:
        heard.learn(PARTS[kind].model_validate_json(snapshot))
        if seen:
            heard.seen[part_id] = set(seen)
    return heard


async def save(tx: Transaction, orders: Sequence[tuple[Order, Sequence[Entry], Part | None]]) -> None:
    """Write back what moves of orders, append to their timelines, keep what was said about a part; one round trip.

    The part is the newest that an order has heard of it, where that is news.
    """
    if len(orders) == 1:
        await tx.sql.execute(_SAVE, *_saved(*orders[0]))
    else:
        await tx.sql.executemany(_SAVE, [_saved(*each) for each in orders])


def _saved(order: Order, entries: Sequence[Entry], heard: Part | None) -> tuple[Any, ...]:
    first = order.events + 1
    order.events += len(entries)
    columns = rows_of(order, entries, first)
    return order.id, *columns, *_part(order, heard), *(getattr(order, name) for name in MOVING)


async def lock(tx: Transaction, order_ids: Collection[UUID]) -> None:
    """Lock these orders, in sorted order."""
    await tx.sql.execute("SELECT id FROM orders WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE", sorted(order_ids))


def _part(order: Order, part: Part | None) -> tuple[Any, ...]:
    if part is None:
        return None, None, None, None, None
    kind = next(name for name, model in PARTS.items() if isinstance(part, model))
    seen = sorted(order.heard.seen.get(part.id, ()))
    return kind, part.id, part.version, part.model_dump_json(), seen


async def save_cuts(tx: Transaction, order: Order) -> None:
    """Write back what was cut of each line."""
    cuts = [(line.id, line.cut) for line in order.lines if line.cut]
    await tx.sql.execute(
        "UPDATE order_line l SET cut = c.cut FROM unnest($1::uuid[], $2::bigint[]) AS c(id, cut) WHERE l.id = c.id",
        [line for line, _ in cuts],
        [cut for _, cut in cuts],
    )


async def save_holds(tx: Transaction, order: Order, holds: list[Hold]) -> None:
    """Write these holds of an order."""
    await tx.sql.executemany(
        _HOLD,
        [
            (
                *(h.id, order.id, h.kind, h.about, h.reason, json.dumps(h.fields)),
                *(h.placed_at, h.placed_by, h.lifted_at, h.lifted_by),
            )
            for h in holds
        ],
    )


async def kinds_known_now(tx: Transaction, order: Order) -> tuple[DeliveryKind | None, PaymentKind | None]:
    """What kinds the order's methods are of, as far as they are known by now."""
    row = await tx.sql.fetchrow(_KINDS, order.delivery_method, order.payment_method)
    delivery, payment = row["delivery"], row["payment"]
    return (
        DeliveryKind(delivery) if delivery in set(DeliveryKind) else None,
        PaymentKind(payment) if payment in set(PaymentKind) else None,
    )


async def learn_work(tx: Transaction, order_id: UUID, fact: WorkStuck | WorkCleared) -> None:
    """Keep what stands still and concerns an order, so that it can be said why it does not move; the newest counts."""
    stuck = (fact.kind, fact.what, fact.since, fact.next_try, False) if isinstance(fact, WorkStuck) else None
    await tx.sql.execute(
        """INSERT INTO order_work (order_id, work, version, service, kind, what, since, next_try, cleared)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (work) DO UPDATE SET version = excluded.version, kind = excluded.kind, what = excluded.what,
               since = excluded.since, next_try = excluded.next_try, cleared = excluded.cleared
           WHERE order_work.version < excluded.version""",
        *(order_id, fact.work, fact.version, fact.service),
        *(stuck or (None, None, None, None, True)),
    )
