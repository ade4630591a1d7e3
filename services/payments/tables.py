"""Every table of payments as SQLModel sees it; the migrations make the same ones."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, LargeBinary, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from libs.service.outside import DueColumns
from libs.service.personal import GONE, NO_BYTES, personal, whose


class Table(SQLModel, registry=registry()):
    """What this service's tables have in common: a metadata of their own."""


metadata = Table.metadata
DUE = "call_state IN ('due', 'claimed', 'unknown')"


def _text(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


def _big(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


def _time(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


def _json(**options: Any) -> Any:
    return Field(sa_type=JSONB, **options)


def _of(column: str, **options: Any) -> Any:
    return Field(sa_type=Uuid, sa_column_args=(ForeignKey(column),), **options)


class KnownOrder(Table, table=True):
    """The newest snapshot of each order that payments was told of."""

    __tablename__ = "known_order"

    order_id: UUID = Field(primary_key=True)
    version: int = _big()
    snapshot: dict[str, Any] = _json()


class PaymentMethodRow(Table, table=True):
    """A way to pay that the shop offers."""

    __tablename__ = "payment_method"
    noun: ClassVar[str] = "payment_method"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    version: int = _big()
    code: str = _text(unique=True)
    kind: str = _text()
    names: dict[str, str] = _json()
    active: bool
    currencies: list[str] = Field(sa_type=ARRAY(Text))
    companies_only: bool
    fee_minor: int | None = _big(default=None)
    fee_currency: str | None = _text(default=None)
    reserve_for_minutes: int | None = None
    delivery_kinds: list[str] = Field(sa_type=ARRAY(Text))
    intent: str = _text()


class PaymentRow(Table, table=True):
    """The payment of one order; what it says of money follows from its operations."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("provider", "provider_payment_id", name="payment_provider_payment"),
        Index("payment_next_look", "next_look_at", postgresql_where=text("next_look_at IS NOT NULL")),
    )

    id: UUID = Field(primary_key=True)
    fact_sequence: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    version: int = _big()
    order_id: UUID = Field(unique=True)
    number: str = _text()
    method: str = _text()
    kind: str = _text()
    intent: str = _text()
    round: int
    order_version: int = _big()
    status: str = _text()
    currency: str = _text()
    amount_minor: int = _big()
    authorized_minor: int = _big()
    captured_minor: int = _big()
    refunded_minor: int = _big()
    disputed_minor: int = _big()
    refund_pending: bool
    unasked: bool
    due_on_delivery: bool
    merchant_ref: str = _text(unique=True)
    provider: str | None = _text(default=None)
    provider_payment_id: str | None = _text(default=None)
    provider_ref: str | None = _text(default=None)
    approval_link: str | None = _text(default=None, sa_column_kwargs=personal(GONE))
    link_wanted: bool
    expires_at: datetime | None = _time(default=None)
    approved_at: datetime | None = _time(default=None)
    received_at: datetime | None = _time(default=None)
    expired_round: int | None = None
    looked_for: UUID | None = None
    answered_expiring: UUID | None = None
    failure: str | None = _text(default=None, sa_column_kwargs=personal(GONE))
    dispute: str = _text()
    dispute_ref: str | None = _text(default=None)
    dispute_minor: int = _big()
    dispute_at: datetime | None = _time(default=None)
    next_look_at: datetime | None = _time(default=None)
    created_at: datetime = _time(sa_column_kwargs={"server_default": "now()"})


class OperationRow(Table, table=True):
    """One movement of a payment's money, or an attempt at one."""

    __tablename__ = "payment_operation"
    __table_args__ = (
        Index("payment_operation_payment", "payment_id"),
        Index(
            "payment_operation_provider_ref",
            "provider",
            "kind",
            "provider_ref",
            unique=True,
            postgresql_where=text("provider_ref IS NOT NULL"),
        ),
        Index(
            "payment_operation_one_capture",
            "payment_id",
            unique=True,
            postgresql_where=text("kind = 'capture' AND status = 'initiated'"),
        ),
        whose("payment_id IN (SELECT id FROM payment WHERE order_id = ANY($1::uuid[]))"),
    )

    id: UUID = Field(primary_key=True)
    payment_id: UUID = _of("payment.id")
    parent_id: UUID | None = _of("payment_operation.id", default=None)
    kind: str = _text()
    status: str = _text()
    amount_minor: int = _big()
    currency: str = _text()
    provider: str | None = _text(default=None)
    provider_ref: str | None = _text(default=None)
    fee_minor: int | None = _big(default=None)
    error_code: str | None = _text(default=None)
    reference: str | None = _text(default=None)
    reason: str | None = _text(default=None, sa_column_kwargs=personal(GONE))
    actor: str = _text()
    created_at: datetime = _time(sa_column_kwargs={"server_default": "now()"})
    resolved_at: datetime | None = _time(default=None)


class CallRow(DueColumns, Table, table=True):
    """A call to a provider that is due, runs, or has been answered; its own lock, apart from the payment's."""

    __tablename__ = "payment_call"
    __table_args__ = (
        Index("payment_call_due", "due_at", postgresql_where=text(DUE)),
        Index("payment_call_payment", "payment_id"),
    )
    noun: ClassVar[str] = "payment_call"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    version: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    order_id: UUID
    payment_id: UUID = _of("payment.id")
    operation_id: UUID | None = _of("payment_operation.id", default=None)
    kind: str = _text()
    target: str | None = _text(default=None)
    key: str = _text(unique=True)
    body: dict[str, Any] = _json()
    request: UUID | None = None
    created_at: datetime = _time(sa_column_kwargs={"server_default": "now()"})


class WebhookRow(DueColumns, Table, table=True):
    """A verified delivery of a provider, kept as it came; due until what it says has been taken in."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        UniqueConstraint("provider", "account_id", "event_id", name="webhook_event"),
        Index("webhook_inbox_due", "due_at", postgresql_where=text(DUE)),
    )
    noun: ClassVar[str] = "webhook"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    version: int = _big(default=0, sa_column_kwargs={"server_default": "0"})
    order_id: UUID | None = None
    provider: str = _text()
    account_id: str = _text()
    event_id: str = _text()
    event_type: str = _text()
    delivery_id: str = _text()
    occurred_at: datetime | None = _time(default=None)
    received_at: datetime = _time(sa_column_kwargs={"server_default": "now()"})
    headers: dict[str, str] = _json()
    body: bytes = Field(sa_type=LargeBinary, sa_column_kwargs=personal(NO_BYTES))
    outcome: str | None = _text(default=None)
    note: str | None = _text(default=None, sa_column_kwargs=personal(GONE))
    processed_at: datetime | None = _time(default=None)


class LedgerAccount(Table, table=True):
    """Where money is, or whom it is owed by."""

    __tablename__ = "ledger_account"

    id: str = _text(primary_key=True)


class LedgerEntry(Table, table=True):
    """Why money moved; its lines add up to nothing."""

    __tablename__ = "ledger_entry"
    __table_args__ = (
        UniqueConstraint("source", "source_key", name="ledger_entry_once"),
        Index("ledger_entry_payment", "payment_id"),
    )

    id: UUID = Field(primary_key=True)
    kind: str = _text()
    payment_id: UUID = _of("payment.id")
    operation_id: UUID = _of("payment_operation.id")
    source: str = _text()
    source_key: str = _text()
    at: datetime = _time(sa_column_kwargs={"server_default": "now()"})


class LedgerLine(Table, table=True):
    """One side of an entry: plus is debit, minus is credit."""

    __tablename__ = "ledger_line"

    entry_id: UUID = Field(primary_key=True, sa_column_args=(ForeignKey("ledger_entry.id"),))
    no: int = Field(primary_key=True)
    account_id: str = _text(sa_column_args=(ForeignKey("ledger_account.id"),))
    currency: str = _text()
    amount_minor: int = _big()


class UnannouncedRow(Table, table=True):
    """A movement that a provider lists and no operation here knows of."""

    __tablename__ = "unannounced"
    __table_args__ = (UniqueConstraint("provider", "reference", name="unannounced_once"),)

    id: UUID = Field(primary_key=True)
    version: int = _big(default=1, sa_column_kwargs={"server_default": "1"})
    provider: str = _text()
    reference: str = _text()
    kind: str = _text()
    amount_minor: int = _big()
    currency: str = _text()
    invoice: str | None = _text(default=None)
    occurred_at: datetime = _time()
    listed_at: datetime = _time(sa_column_kwargs={"server_default": "now()"})
    closed_at: datetime | None = _time(default=None)
    closed_by: str | None = _text(default=None)
    note: str | None = _text(default=None)
