"""Shipping's tables, as the migrations make them."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from libs.service.outside import DueColumns
from libs.service.personal import BLANK, GONE, NO_BYTES, ROW, whose
from libs.service.personal import personal as mark


class Table(SQLModel, registry=registry()):
    """The base of shipping's tables: metadata of their own."""


def text(
    *, unique: bool = False, primary_key: bool = False, nullable: bool = False, personal: str | None = None
) -> Any:
    """A text column. `personal`: how it is forgotten, where it can hold personal data."""
    return Field(
        sa_column=Column(Text, unique=unique or None, primary_key=primary_key, nullable=nullable, **_info(personal))
    )


def _info(personal: str | None) -> dict[str, Any]:
    return mark(personal) if personal else {}


def number(*, nullable: bool = False) -> Any:
    """A bigint column."""
    return Field(sa_column=Column(BigInteger, nullable=nullable))


def moment(*, nullable: bool = False) -> Any:
    """A timestamptz column."""
    return Field(sa_column=Column(DateTime(timezone=True), nullable=nullable))


def json(*, nullable: bool = False, personal: str | None = None) -> Any:
    """A jsonb column."""
    return Field(sa_column=Column(JSONB, nullable=nullable, **_info(personal)))


def blob(*, nullable: bool = False, personal: str | None = None) -> Any:
    """A bytea column."""
    return Field(sa_column=Column(LargeBinary, nullable=nullable, **_info(personal)))


OF_SHIPMENT = "shipment_id IN (SELECT id FROM shipment WHERE order_id = ANY($1::uuid[]))"


class KnownOrder(Table, table=True):
    """The newest snapshot of an order, and the person where known; its row is the lock of all about the order."""

    __tablename__ = "known_order"
    order_id: UUID = Field(primary_key=True)
    version: int = number()
    snapshot: Any = json()
    person: Any = json(nullable=True, personal=GONE)


class FulfilmentRow(Table, table=True):
    """What shipping does for one order."""

    __tablename__ = "fulfilment"
    id: UUID = Field(primary_key=True)
    order_id: UUID = Field(unique=True)
    version: int = number()
    fact_sequence: int = number()
    order_version: int = number()
    answered_cancel: UUID | None = None


class ShipmentRow(Table, table=True):
    """One consignment out of one depot."""

    __tablename__ = "shipment"
    __table_args__ = (
        Index("shipment_order", "order_id"),
        Index("shipment_awb", "awb"),
        Index("shipment_state", "state", "id"),
        Index("shipment_poll", "next_poll_at", postgresql_where="next_poll_at IS NOT NULL"),
    )
    id: UUID = Field(primary_key=True)
    fulfilment_id: UUID = Field(foreign_key="fulfilment.id")
    order_id: UUID
    depot: str = text()
    kind: str = text()
    courier: str = text()
    account: str | None = text(nullable=True)
    token: str = text(unique=True)
    state: str = text()
    status: str = text()
    cod_minor: int | None = number(nullable=True)
    cod_currency: str | None = text(nullable=True)
    weight_g: int = number()
    parcels: int
    asked: bool
    bookings: int
    void: str = text()
    sent_to: str | None = text(nullable=True, personal=GONE)
    awb: str | None = text(nullable=True)
    link: str | None = text(nullable=True)
    cost_minor: int | None = number(nullable=True)
    cost_currency: str | None = text(nullable=True)
    failure: str | None = text(nullable=True, personal=GONE)
    dispatched_at: datetime | None = moment(nullable=True)
    delivered_at: datetime | None = moment(nullable=True)
    next_poll_at: datetime | None = moment(nullable=True)
    planned_at: datetime = moment()


class ShipmentLineRow(Table, table=True):
    """How much of an order's line is in a shipment, in thousandths."""

    __tablename__ = "shipment_line"
    shipment_id: UUID = Field(primary_key=True, foreign_key="shipment.id")
    line_id: UUID = Field(primary_key=True)
    quantity: int = number()


class CourierCall(DueColumns, Table, table=True):
    """One thing asked of a courier. A booking that turned out never to have happened is followed by another row."""

    __tablename__ = "courier_call"
    __table_args__ = (
        Index("courier_call_due", "due_at", postgresql_where="call_state IN ('due', 'claimed', 'unknown')"),
        Index("courier_call_shipment", "shipment_id", "kind"),
    )
    id: UUID = Field(primary_key=True)
    fact_sequence: int = number()
    order_id: UUID
    shipment_id: UUID = Field(foreign_key="shipment.id")
    kind: str = text()
    account: str = text()
    reference: str = text(unique=True)
    awb: str | None = text(nullable=True)
    size: str | None = text(nullable=True)
    format: str | None = text(nullable=True)
    asked_at: datetime = moment()


class LabelRow(Table, table=True):
    """A label, fetched or drawn once."""

    __tablename__ = "label"
    __table_args__ = (whose(OF_SHIPMENT),)
    shipment_id: UUID = Field(primary_key=True, foreign_key="shipment.id")
    awb: str = text(primary_key=True)
    size: str = text(primary_key=True)
    format: str = text(primary_key=True)
    sha256: bytes = blob()
    content: bytes = blob(personal=ROW)
    fetched_at: datetime = moment()


class TrackingEventRow(Table, table=True):
    """Something a courier said about a parcel, with its own code."""

    __tablename__ = "tracking_event"
    __table_args__ = (
        UniqueConstraint("shipment_id", "awb", "code", "occurred_at", "location", name="tracking_event_once"),
        whose(OF_SHIPMENT),
    )
    id: UUID = Field(primary_key=True)
    shipment_id: UUID = Field(foreign_key="shipment.id")
    awb: str = text()
    code: str = text()
    status: str = text()
    text_: str = Field(sa_column=Column("text", Text, nullable=False, **mark(BLANK)))
    location: str = text()
    occurred_at: datetime = moment()
    received_at: datetime = moment()
    source: str = text()


class UnmappedCode(Table, table=True):
    """A courier's code that is in no map yet: said once."""

    __tablename__ = "unmapped_code"
    courier: str = text(primary_key=True)
    code: str = text(primary_key=True)
    first_seen_at: datetime = moment()


class CallbackRow(Table, table=True):
    """What a courier sent, as it came; read afterwards."""

    __tablename__ = "callback"
    __table_args__ = (
        UniqueConstraint("account", "sha256", name="callback_once"),
        Index("callback_due", "due_at", postgresql_where="state = 'due'"),
        whose(
            "state <> 'due' AND EXISTS (SELECT FROM shipment s WHERE s.order_id = ANY($1::uuid[])"
            " AND position(convert_to(s.awb, 'UTF8') IN raw) > 0)"
        ),
    )
    id: UUID = Field(primary_key=True)
    fact_sequence: int = number()
    account: str = text()
    raw: bytes = blob(personal=NO_BYTES)
    sha256: bytes = blob()
    received_at: datetime = moment()
    state: str = text()
    due_at: datetime = moment()
    attempts: int
    reason: str | None = text(nullable=True)


class UnannouncedRow(Table, table=True):
    """An AWB of a courier's list that no row here knows of."""

    __tablename__ = "unannounced"
    __table_args__ = (UniqueConstraint("account", "awb", name="unannounced_once"),)
    id: UUID = Field(primary_key=True)
    version: int = number()
    account: str = text()
    awb: str = text()
    reference: str = text()
    order_number: str | None = text(nullable=True)
    booked_on: date
    listed_at: datetime = moment()
    closed_at: datetime | None = moment(nullable=True)
    closed_as: str | None = text(nullable=True)
    closed_by: str | None = text(nullable=True)
    note: str | None = text(nullable=True)


class DeliveryMethodRow(Table, table=True):
    """How customers may have goods delivered, and what it costs them."""

    __tablename__ = "delivery_method"
    id: UUID = Field(primary_key=True)
    version: int = number()
    fact_sequence: int = number()
    code: str = text(unique=True)
    kind: str = text()
    account: str | None = text(nullable=True)
    names: Any = json()
    active: bool
    currency: str | None = text(nullable=True)
    price_minor: int | None = number(nullable=True)
    free_from_minor: int | None = number(nullable=True)
    countries: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    book_when_confirmed: bool
    companies_only: bool


class CourierAccountRow(Table, table=True):
    """A contract with a courier. Credentials and secrets are sealed and never read back by anybody."""

    __tablename__ = "courier_account"
    id: UUID = Field(primary_key=True)
    version: int = number()
    code: str = text(unique=True)
    courier: str = text()
    active: bool
    sender: Any = json()
    options: Any = json()
    tracking_link: str | None = text(nullable=True)
    credentials: bytes | None = blob(nullable=True)
    callback_secrets: list[bytes] = Field(sa_column=Column(ARRAY(LargeBinary), nullable=False))
