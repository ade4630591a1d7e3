"""Every statement of taking an order in: as many for one line as for a thousand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.contracts.orders import OnShortage
from libs.contracts.payments import PaymentMethodChanged
from libs.contracts.shipping import DeliveryMethodChanged
from libs.events.transaction import Transaction
from services.orders.lifecycle.store import MOVING, clock_of
from services.orders.placing.domain import KnownChannel, Methods
from services.orders.placing.place import Placed

_SURROUNDINGS = """
SELECT c.code, c.kind, s.series, c.languages, c.on_shortage, c.time_zone, c.history_published, c.tracking_days,
       c.working_days, c.opens, c.closes, c.holidays::text[] AS holidays,
       (SELECT rules::text FROM deadline_settings) AS deadlines,
       now() AS now,
       (SELECT fact FROM known_delivery_method WHERE code = $2 ORDER BY version DESC LIMIT 1) AS delivery,
       (SELECT fact FROM known_payment_method WHERE code = $3 ORDER BY version DESC LIMIT 1) AS payment,
       o.id AS known_id, o.request_hash AS known_hash
FROM channel c JOIN seller s ON s.code = c.seller
LEFT JOIN orders o ON o.channel = c.code AND o.external_id = $4
WHERE c.code = $1
"""
_CLOCK = ("time_zone", "working_days", "opens", "closes", "holidays", "deadlines")
_ORDER = (
    *("id", "number", "channel", "external_id", "language", "placed_at", "historic", "on_shortage", "currency"),
    *("goods", "delivery", "charges", "discounts", "total", "delivery_method", "payment_method", "customer_id"),
    *MOVING,
)
_LINE = {
    "id": "uuid",
    "position": "int",
    "sku": "text",
    "ean": "text",
    "name": "text",
    "options": "text",
    "category": "text",
    "image_url": "text",
    "quantity": "bigint",
    "unit": "text",
    "unit_price": "bigint",
    "discount": "bigint",
    "promotion": "text",
    "vat_rate": "text",
    "weight_g": "bigint",
    "unit_cost": "text",
    "components": "text",
    "attributes": "text",
    "ships": "boolean",
    "total": "bigint",
}
_ADJUSTMENT = {
    "position": "int",
    "sign": "text",
    "kind": "text",
    "code": "text",
    "name": "text",
    "amount": "bigint",
    "vat_rate": "text",
}
_JSON = frozenset({"options", "unit_cost", "components", "attributes"})


_PLACED = (
    *("request_hash", "person", "pickup_point", "customer", "attributes", "referers", "taken_by"),
    "tracking_token",
)


def _rows(table: str, columns: dict[str, str], first: int, extra: str = "") -> str:
    """Any number of rows of the placed order from parameters `first` on; `extra`: a column that begins at zero."""
    names = ", ".join(columns)
    values = ", ".join(f"{name}::jsonb" if name in _JSON else f"r.{name}" for name in columns)
    arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(columns.values(), first))
    more, zero = (f", {extra}", ", 0") if extra else ("", "")
    rows = f"SELECT placed.id, {values}{zero} FROM placed, unnest({arrays}) AS r({names})"  # noqa: S608 - our own columns
    return f"INSERT INTO {table} (order_id, {names}{more}) {rows}"


def _insert() -> str:
    """The order's row, and where it is new its lines and adjustments, in one statement."""
    columns = (*_ORDER, *_PLACED)
    lines = len(columns) + 1
    return f"""
        WITH placed AS (
            INSERT INTO orders ({", ".join(columns)}) VALUES ({", ".join(f"${n}" for n in range(1, lines))})
            ON CONFLICT (channel, external_id) DO NOTHING RETURNING id
        ), lines AS ({_rows("order_line", _LINE, lines, "cut")}
        ), adjustments AS ({_rows("order_adjustment", _ADJUSTMENT, lines + len(_LINE))})
        SELECT count(*) FROM placed"""  # noqa: S608 - our own columns


_INSERT = _insert()


class OtherOrderError(Exception):
    """Another transaction has just taken an order of this channel and external id."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an order is judged by, read in one statement."""

    channel: KnownChannel
    methods: Methods
    now: datetime
    known: tuple[UUID, bytes] | None  # the order of this channel and external id, and the hash of what was submitted


async def surroundings(
    tx: Transaction, channel: str, delivery: str | None, payment: str | None, external_id: str | None
) -> Surroundings | None:
    """The channel, the methods as last heard, and the order that may be here already; None without such a channel."""
    row = await tx.sql.fetchrow(_SURROUNDINGS, channel, delivery, payment, external_id)
    if row is None:
        return None
    return Surroundings(
        KnownChannel(
            row["code"],
            row["kind"],
            row["series"],
            tuple(row["languages"]),
            OnShortage(row["on_shortage"]),
            row["time_zone"],
            row["history_published"],
            row["tracking_days"],
            clock_of(*(row[name] for name in _CLOCK)),
        ),
        Methods(
            DeliveryMethodChanged.model_validate(row["delivery"]) if row["delivery"] else None,
            PaymentMethodChanged.model_validate(row["payment"]) if row["payment"] else None,
        ),
        row["now"],
        (row["known_id"], row["known_hash"]) if row["known_id"] else None,
    )


async def next_number(tx: Transaction, sequence: str) -> int:
    """The next of a series; numbers may have holes."""
    found: int = await tx.sql.fetchval("SELECT nextval($1::text::regclass)", f'"{sequence}"')
    return found


async def insert(tx: Transaction, placed: Placed) -> None:
    """Write the order's rows; OtherOrderError when somebody was faster."""
    row = {name: getattr(placed.order, name) for name in _ORDER} | placed.row | {"taken_by": tx.cause.actor}
    done = await tx.sql.fetchval(
        _INSERT,
        *(row[name] for name in (*_ORDER, *_PLACED)),
        *(placed.lines[name] for name in _LINE),
        *(placed.adjustments[name] for name in _ADJUSTMENT),
    )
    if not done:
        raise OtherOrderError


async def learn_delivery(tx: Transaction, fact: DeliveryMethodChanged) -> None:
    """Keep the newest state of a delivery method."""
    await _learn(tx, "known_delivery_method", fact)


async def learn_payment(tx: Transaction, fact: PaymentMethodChanged) -> None:
    """Keep the newest state of a payment method."""
    await _learn(tx, "known_payment_method", fact)


async def _learn(tx: Transaction, table: str, fact: DeliveryMethodChanged | PaymentMethodChanged) -> None:
    await tx.sql.execute(
        f"""INSERT INTO {table} AS k (id, version, code, fact) VALUES ($1, $2, $3, $4)
            ON CONFLICT (id) DO UPDATE SET version = excluded.version, code = excluded.code, fact = excluded.fact
            WHERE k.version < excluded.version""",  # noqa: S608 - one of two constants
        fact.id,
        fact.version,
        fact.code,
        fact.model_dump_json(),
    )
