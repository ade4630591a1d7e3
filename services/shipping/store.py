"""Every statement about orders, fulfilments, shipments and what is asked of couriers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from libs.contracts.common import Money, Person
from libs.contracts.orders import DeliveryKind, OrderSnapshot
from libs.contracts.shipping import ShipmentState
from libs.events.transaction import Cause, Transaction, new_id
from libs.service.columns import columns
from libs.service.due import kept_cause, story_of
from services.shipping.couriers.port import Listed
from services.shipping.domain import Fulfilment
from services.shipping.shipment import Means, Shipment, Void
from services.shipping.tables import ShipmentRow

Row = Mapping[str, Any]
_ORDER = "SELECT snapshot::text, person::text FROM known_order WHERE order_id = $1"
_SHIPMENT = {
    "id": "uuid", "depot": "text", "kind": "text", "courier": "text", "account": "text", "token": "text",
    "state": "text", "status": "text", "cod_minor": "bigint", "cod_currency": "text", "weight_g": "bigint",
    "parcels": "int", "asked": "boolean", "bookings": "int", "void": "text", "sent_to": "text", "awb": "text",
    "link": "text", "cost_minor": "bigint", "cost_currency": "text", "failure": "text",
    "dispatched_at": "timestamptz", "delivered_at": "timestamptz",
}  # fmt: skip
_FULFILMENT = f"""
SELECT f.id, f.order_id, f.version, f.order_version, f.answered_cancel,
       ARRAY(SELECT ROW({", ".join(f"s.{name}" for name in _SHIPMENT)})
             FROM shipment s WHERE s.order_id = f.order_id ORDER BY s.id) AS shipments,
       ARRAY(SELECT ROW(l.shipment_id, l.line_id, l.quantity) FROM shipment s
             JOIN shipment_line l ON l.shipment_id = s.id WHERE s.order_id = f.order_id) AS lines
FROM fulfilment f WHERE f.order_id = {{order}}
"""  # noqa: S608 - constants
_MEANS = """m.kind AS means, a.code AS account, m.book_when_confirmed, a.courier
FROM (SELECT $1::text AS code) AS given LEFT JOIN delivery_method m ON m.code = given.code
LEFT JOIN courier_account a ON a.code = m.account AND a.active"""
_BOTH = f"SELECT f.*, {_MEANS} LEFT JOIN ({_FULFILMENT.format(order='$2')}) AS f ON true"
_ARRAYS = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_SHIPMENT.values(), 6))
_AFTER = 6 + len(_SHIPMENT)
_SAVE = f"""
WITH head AS (
    INSERT INTO fulfilment (id, order_id, version, order_version, answered_cancel) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (id) DO UPDATE SET version = excluded.version, order_version = excluded.order_version,
        answered_cancel = excluded.answered_cancel
), shipments AS (
    INSERT INTO shipment (fulfilment_id, order_id, {", ".join(_SHIPMENT)}) SELECT $1, $2, * FROM unnest({_ARRAYS})
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SHIPMENT if name != "id")}
), given AS (
    SELECT * FROM unnest(${_AFTER}::uuid[], ${_AFTER + 1}::uuid[], ${_AFTER + 2}::bigint[])
        AS g(shipment, line, quantity)
), gone AS (
    DELETE FROM shipment_line l WHERE l.shipment_id = ANY(${_AFTER + 3}::uuid[])
        AND NOT EXISTS (SELECT FROM given g WHERE (g.shipment, g.line) = (l.shipment_id, l.line_id))
)
INSERT INTO shipment_line AS l (shipment_id, line_id, quantity) SELECT * FROM given
ON CONFLICT (shipment_id, line_id) DO UPDATE SET quantity = excluded.quantity WHERE l.quantity <> excluded.quantity
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order as orders last told it."""

    order: OrderSnapshot
    person: Person | None


async def keep_order(tx: Transaction, order: OrderSnapshot, person: Person | None) -> KnownOrder | None:
    """Keep a snapshot, and lock the order, unless one as new is kept already (None); without a person once erased."""
    known = await tx.sql.fetchval(
        """INSERT INTO known_order AS k (order_id, version, snapshot, person)
           SELECT $1, $2, $3, CASE WHEN NOT EXISTS (SELECT FROM erased_order WHERE order_id = $1) THEN $4::jsonb END
           ON CONFLICT (order_id) DO UPDATE
           SET version = excluded.version, snapshot = excluded.snapshot, person = excluded.person
           WHERE k.version < excluded.version RETURNING person IS NOT NULL""",
        order.id,
        order.version,
        order.model_dump_json(),
        person.model_dump_json() if person else None,
    )
    return None if known is None else KnownOrder(order, person if known else None)


async def locked_order(tx: Transaction, order_id: UUID) -> KnownOrder | None:
    """The order, locked until the commit: everything that changes its shipments takes this lock first."""
    return _known(await tx.sql.fetchrow(f"{_ORDER} FOR UPDATE", order_id))


async def order_of(tx: Transaction, order_id: UUID) -> KnownOrder | None:
    """The order, to read."""
    return _known(await tx.sql.fetchrow(_ORDER, order_id))


def _known(row: asyncpg.Record | None) -> KnownOrder | None:
    if row is None:
        return None
    person = Person.model_validate_json(row["person"]) if row["person"] else None
    return KnownOrder(OrderSnapshot.model_validate_json(row["snapshot"]), person)


async def order_of_shipment(tx: Transaction, shipment_id: UUID) -> UUID | None:
    """The order a shipment is of."""
    found: UUID | None = await tx.sql.fetchval("SELECT order_id FROM shipment WHERE id = $1", shipment_id)
    return found


async def means(tx: Transaction, order: OrderSnapshot) -> Means:
    """How the order is to be delivered, by its delivery method; by its kind alone where the method is none of ours."""
    return _means(order, await tx.sql.fetchrow(f"SELECT {_MEANS}", order.delivery_method))


def _means(order: OrderSnapshot, row: asyncpg.Record | None) -> Means:
    assert row is not None  # noqa: S101 - an outer join of one row
    if row["means"] is None:
        kind = order.delivery_kind if isinstance(order.delivery_kind, DeliveryKind) else DeliveryKind.COURIER
        return Means(kind, "")
    return Means(DeliveryKind(row["means"]), row["courier"] or "", row["account"], row["book_when_confirmed"])


async def fulfilment(tx: Transaction, order_id: UUID) -> Fulfilment | None:
    """What is being done for an order."""
    row = await tx.sql.fetchrow(_FULFILMENT.format(order="$1"), order_id)
    return None if row is None else _fulfilment(row)


async def fulfilment_and_means(tx: Transaction, order: OrderSnapshot) -> tuple[Fulfilment | None, Means]:
    """What is being done for an order, and how it is to be delivered."""
    row = await tx.sql.fetchrow(_BOTH, order.delivery_method, order.id)
    assert row is not None  # noqa: S101 - an outer join of one row
    return None if row["id"] is None else _fulfilment(row), _means(order, row)


def _fulfilment(row: asyncpg.Record) -> Fulfilment:
    lines = [{"shipment_id": each, "line_id": line, "quantity": quantity} for each, line, quantity in row["lines"]]
    head = {name: row[name] for name in ("id", "order_id", "version", "order_version", "answered_cancel")}
    shipments = [shipment(dict(zip(_SHIPMENT, each, strict=True)), lines) for each in row["shipments"]]
    return Fulfilment(**head, shipments=shipments)


async def _lines(tx: Transaction, shipments: Sequence[UUID]) -> Sequence[asyncpg.Record]:
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        "SELECT shipment_id, line_id, quantity FROM shipment_line WHERE shipment_id = ANY($1::uuid[])", shipments
    )


def shipment(row: Row, lines: Iterable[Row]) -> Shipment:
    """A shipment from its row and the lines of several."""
    return Shipment(
        id=row["id"],
        depot=row["depot"],
        kind=DeliveryKind(row["kind"]),
        courier=row["courier"],
        account=row["account"],
        token=row["token"],
        state=ShipmentState(row["state"]),
        status=row["status"],
        lines={line["line_id"]: line["quantity"] for line in lines if line["shipment_id"] == row["id"]},
        cash_on_delivery=Money(row["cod_minor"], row["cod_currency"]) if row["cod_minor"] else None,
        weight_g=row["weight_g"],
        parcels=row["parcels"],
        asked=row["asked"],
        bookings=row["bookings"],
        void=Void(row["void"]),
        sent_to=row["sent_to"],
        awb=row["awb"],
        link=row["link"],
        cost=Money(row["cost_minor"], row["cost_currency"]) if row["cost_currency"] else None,
        failure=row["failure"],
        dispatched_at=row["dispatched_at"],
        delivered_at=row["delivered_at"],
    )


async def save(
    tx: Transaction, fulfilment: Fulfilment, changed: Sequence[Shipment], refilled: Sequence[Shipment]
) -> None:
    """Write a fulfilment, its shipments that are not what they were, and the lines of those that were `refilled`."""
    rows = [_row(each) for each in changed]
    lines = [(each.id, line, quantity) for each in refilled for line, quantity in sorted(each.lines.items())]
    await tx.sql.execute(
        _SAVE,
        fulfilment.id,
        fulfilment.order_id,
        fulfilment.version,
        fulfilment.order_version,
        fulfilment.answered_cancel,
        *([row[name] for row in rows] for name in _SHIPMENT),
        *([line[n] for line in lines] for n in range(3)),
        [each.id for each in refilled],
    )


def _row(each: Shipment) -> dict[str, Any]:
    cash, cost = each.cash_on_delivery, each.cost
    given: dict[str, Any] = {
        "cod_minor": cash.minor if cash else None,
        "cod_currency": cash.currency if cash else None,
        "cost_minor": cost.minor if cost else None,
        "cost_currency": cost.currency if cost else None,
    }
    return {name: given[name] if name in given else getattr(each, name) for name in _SHIPMENT}


async def next_number(tx: Transaction) -> tuple[int, datetime]:
    """A number for a reference, and the database's time."""
    row = await tx.sql.fetchrow("SELECT nextval('reference_number') AS number, now() AS at")
    return row["number"], row["at"]


async def ask_courier(
    tx: Transaction,
    kind: str,
    order_id: UUID,
    each: Shipment,
    reference: str,
    *,
    awb: str | None = None,
    label: tuple[str, str] | None = None,
) -> None:
    """Write down what is due to be asked of a courier. The same reference twice is asked once.

    `label` is its size and format; one that could not be had may be asked for again.
    """
    await tx.sql.execute(
        """INSERT INTO courier_call (id, order_id, shipment_id, kind, account, reference, awb, size, format,
               call_cause)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (reference) DO UPDATE
           SET call_state = 'due', due_at = now(), asked_at = now(), absent = 0, call_cause = excluded.call_cause
           WHERE courier_call.kind = 'label' AND courier_call.call_state = 'failed'""",
        new_id(),
        order_id,
        each.id,
        kind,
        each.account,
        reference,
        awb or each.awb,
        *(label or (None, None)),
        json.dumps(kept_cause(tx.cause)),
    )


async def story(tx: Transaction, shipment_id: UUID) -> Cause:
    """The cause of what a courier says of a parcel by itself."""
    return await story_of(tx, "courier_call", "shipment_id", shipment_id)


async def poll_from(tx: Transaction, shipment_id: UUID, at: datetime | None) -> None:
    """When to ask the courier next where a shipment is; None: no more."""
    await tx.sql.execute("UPDATE shipment SET next_poll_at = $2 WHERE id = $1", shipment_id, at)


async def page(
    tx: Transaction, order_id: UUID | None, state: str | None, after: UUID | None, limit: int
) -> tuple[Sequence[asyncpg.Record], Sequence[asyncpg.Record]]:
    """Shipments, newest first, with their lines."""
    rows = await tx.sql.fetch(
        f"""SELECT {columns(ShipmentRow)} FROM shipment
           WHERE ($1::uuid IS NULL OR order_id = $1) AND ($2::text IS NULL OR state = $2)
           AND ($3::uuid IS NULL OR id < $3) ORDER BY id DESC LIMIT $4""",  # noqa: S608 - columns
        order_id,
        state,
        after,
        limit,
    )
    return rows, await _lines(tx, [row["id"] for row in rows])


async def strays(tx: Transaction, listed: Sequence[Listed]) -> list[tuple[str, UUID, UUID]]:
    """Of these parcels, those of our settled bookings whose shipment has another AWB, not given up yet.

    Each with its AWB, shipment and order.
    """
    rows = await tx.sql.fetch(
        """SELECT u.awb, c.shipment_id, c.order_id FROM unnest($1::text[], $2::text[]) AS u (reference, awb)
           JOIN courier_call c ON c.reference = u.reference AND c.kind = 'book'
               AND c.call_state IN ('succeeded', 'failed')
           JOIN shipment s ON s.id = c.shipment_id AND s.awb IS DISTINCT FROM u.awb
           WHERE NOT EXISTS (SELECT FROM courier_call v WHERE v.kind = 'void' AND v.awb = u.awb)
           ORDER BY c.order_id""",
        [each.reference for each in listed],
        [each.awb for each in listed],
    )
    return [(row["awb"], row["shipment_id"], row["order_id"]) for row in rows]
