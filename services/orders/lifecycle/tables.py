"""The tables of an order as SQLModel sees them; the migrations make the same ones, with their CHECKs."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from libs.service.personal import EMPTY, GONE, REPLACED, personal, whose
from services.orders.base import Table, big, counted, document, ids, moment, moment_now, of, texts, words

WITHOUT_FAILURES = """CASE WHEN snapshot ? 'shipments' THEN jsonb_set(snapshot, '{shipments}',
    coalesce((SELECT jsonb_agg(s || '{"failure": null}') FROM jsonb_array_elements(snapshot->'shipments') s), '[]'))
    WHEN snapshot ? 'failure' THEN snapshot || '{"failure": null, "approval_link": null}' ELSE snapshot END"""
"""What a courier or a provider answered in words may name somebody."""

FORGOTTEN = personal(GONE)

PAYMENT_WAITED_FOR = """payment_due_at IS NOT NULL AND lifecycle IN ('open', 'confirmed')
    AND payment IN ('pending', 'failed') AND NOT overdue @> '{payment}'::text[]"""
DELIVERY_WAITED_FOR = """delivery_due_at IS NOT NULL AND lifecycle = 'confirmed' AND NOT delivered_told
    AND NOT overdue @> '{delivery}'::text[]"""
"""What the timer looks for, as `lateness.waited_for` says it."""


class OrderRow(Table, table=True):
    """An order: what was agreed, how far it is, and what has been said about it."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("orders_channel_external_id", "channel", "external_id", unique=True),
        Index("orders_placed_at", "placed_at", "id"),
        Index("orders_customer", "customer_id", "placed_at", postgresql_where=text("customer_id IS NOT NULL")),
        Index(
            "orders_deadline", "reserve_until", postgresql_where=text("reserve_until IS NOT NULL AND expiring IS NULL")
        ),
        Index("orders_payment_due", "payment_due_at", postgresql_where=text(PAYMENT_WAITED_FOR)),
        Index("orders_delivery_due", "delivery_due_at", postgresql_where=text(DELIVERY_WAITED_FOR)),
        whose("id = ANY($1::uuid[])"),
    )
    noun: ClassVar[str] = "order"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    events: int = big()  # how many rows its timeline has
    chain: bytes | None = None  # of the last of them
    number: str = words(unique=True)
    channel: str = words()
    external_id: str | None = words(default=None)
    request_hash: bytes
    language: str = words()
    placed_at: datetime = moment()
    taken_at: datetime = moment_now()
    taken_by: str = words()
    historic: bool
    on_shortage: str = words()
    lifecycle: str = words()
    stock: str = words()
    payment: str = words()
    fulfilment: str = words()
    round: int
    reserved_once: bool
    ready: bool
    cancel_request: UUID | None = None
    cancel_wanted: str | None = words(default=None)
    expiring: UUID | None = None
    reserve_until: datetime | None = moment(default=None)
    cancel_reason: str | None = words(default=None)
    give_back: str | None = words(default=None)
    paid_told: bool
    delivered_told: bool
    shipped_told: list[UUID] = ids()
    returned_told: list[UUID] = ids()
    currency: str = words()
    goods: int = big()
    delivery: int = big()
    charges: int = big()
    discounts: int = big()
    total: int = big()
    delivery_method: str | None = words(default=None)
    delivery_kind: str | None = words(default=None)
    payment_method: str | None = words(default=None)
    payment_kind: str | None = words(default=None)
    reserve_minutes: int | None = None
    customer_id: UUID | None = of("customer.id", default=None)
    person: dict[str, Any] | None = document(default=None, sa_column_kwargs=personal(GONE))
    pickup_point: dict[str, Any] | None = document(default=None)
    customer: dict[str, Any] | None = document(default=None, sa_column_kwargs=personal(GONE))
    attributes: dict[str, str] = document(sa_column_kwargs=personal(EMPTY))
    referers: list[str] = texts()
    indicator: str | None = words(default=None)  # of the last status that sets one
    tracking_token: str | None = words(
        default=None, sa_column_kwargs=personal(GONE)
    )  # of the link that opens its history; the only one that does
    payment_due_at: datetime | None = moment(default=None)
    delivery_due_at: datetime | None = moment(default=None)
    overdue: list[str] = texts(sa_column_kwargs={"server_default": text("'{}'")})  # what was alerted and is not cured
    visible: bool | None = None  # whether its customer sees it; None: as the channel and its payment say


class LineRow(Table, table=True):
    """A line as it was agreed; later catalogue edits change nothing."""

    __tablename__ = "order_line"
    __table_args__ = (Index("order_line_position", "order_id", "position", unique=True),)

    id: UUID = Field(primary_key=True)
    order_id: UUID = of("orders.id")
    position: int
    sku: str = words()
    ean: str | None = words(default=None)
    name: str = words()
    options: dict[str, str] = document(sa_column_kwargs=personal(EMPTY))  # a name to be engraved
    category: str | None = words(default=None)
    image_url: str | None = words(default=None)
    quantity: int = big()
    unit: str = words()
    unit_price: int = big()
    discount: int = big()
    promotion: str | None = words(default=None)
    vat_rate: str | None = words(default=None)
    weight_g: int | None = big(default=None)
    unit_cost: dict[str, str] | None = document(default=None)
    components: list[dict[str, Any]] = document()
    attributes: dict[str, str] = document(sa_column_kwargs=personal(EMPTY))
    ships: bool
    total: int = big()
    cut: int = big()


class AdjustmentRow(Table, table=True):
    """A charge or a discount on the whole order."""

    __tablename__ = "order_adjustment"

    order_id: UUID = of("orders.id", primary_key=True)
    position: int = Field(primary_key=True)
    sign: str = words()  # charge or discount
    kind: str = words()
    code: str | None = words(default=None)
    name: str | None = words(default=None)
    amount: int = big()
    vat_rate: str | None = words(default=None)


class HoldRow(Table, table=True):
    """Why an order may not go on, or once could not. About one thing (`about`) it is held once."""

    __tablename__ = "hold"
    __table_args__ = (
        Index("hold_about", "order_id", "kind", "about", unique=True),
        Index("hold_standing", "kind", "order_id", postgresql_where=text("lifted_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    order_id: UUID = of("orders.id")
    kind: str = words()
    about: str = words()
    reason: str = words(sa_column_kwargs=personal(REPLACED))
    fields: list[dict[str, str]] = document(sa_column_kwargs=personal("'[]'"))
    placed_at: datetime = moment()
    placed_by: str = words()
    lifted_at: datetime | None = moment(default=None)
    lifted_by: str | None = words(default=None)


class PartRow(Table, table=True):
    """The newest that another service said about an order: its reservation, a payment, its fulfilment."""

    __tablename__ = "order_part"

    order_id: UUID = of("orders.id", primary_key=True)
    kind: str = words(primary_key=True)
    part_id: UUID = Field(primary_key=True)
    version: int = big()
    snapshot: dict[str, Any] = document(sa_column_kwargs=personal(WITHOUT_FAILURES))
    seen: list[str] = texts()


class OrderEventRow(Table, table=True):
    """One fact about an order, of whatever service, or one command, numbered without a gap and chained; only added."""

    __tablename__ = "order_event"
    __table_args__ = (Index("order_event_actor", "actor", "at", "order_id", "number"),)

    order_id: UUID = of("orders.id", primary_key=True)
    number: int = big(primary_key=True)
    event_id: UUID
    topic: str = words()
    at: datetime = moment()
    actor: str = words()
    correlation_id: UUID
    causation_id: UUID | None = None
    detail: dict[str, Any] = document()  # nothing personal, nor in before and after
    before: dict[str, Any] | None = document(default=None)
    after: dict[str, Any] | None = document(default=None)
    personal: dict[str, Any] | None = document(default=None, sa_column_kwargs=FORGOTTEN)
    salt: bytes | None = Field(default=None, sa_column_kwargs=FORGOTTEN)
    personal_digest: bytes | None = None
    chain: bytes | None = None  # None: written by a release before the chain ran


class DeadlineSettingsRow(Table, table=True):
    """After how long payment and delivery are late, by method: one row."""

    __tablename__ = "deadline_settings"

    id: bool = Field(primary_key=True)
    version: int = big()
    rules: list[dict[str, Any]] = document()


class WorkRow(Table, table=True):
    """What stands still somewhere and concerns an order."""

    __tablename__ = "order_work"
    __table_args__ = (Index("order_work_order", "order_id", postgresql_where=text("NOT cleared")),)

    work: UUID = Field(primary_key=True)
    version: int = big()
    order_id: UUID
    service: str = words()
    kind: str | None = words(default=None)
    what: str | None = words(default=None, sa_column_kwargs=personal("split_part(what, ': ', 1)"))
    since: datetime | None = moment(default=None)
    next_try: datetime | None = moment(default=None)
    cleared: bool
