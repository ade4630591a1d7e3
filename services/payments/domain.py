"""A payment, its operations, and what follows from them: operations carry the truth, everything else is derived."""

from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar, Self
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.orders import FulfilmentAxis, GiveBack, Lifecycle, OrderSnapshot, PaymentKind, StockAxis
from libs.contracts.payments import PaymentSnapshot, PaymentStatus

PAYPAL = "paypal"
COURIER = "courier"
CHANNEL = "channel"
BY_HAND = frozenset({PaymentKind.TRANSFER, PaymentKind.CASH})
NEVER_HAPPENED = "never_happened"
"""The error of an operation that was looked for and is not there: it may be tried again."""


class Kind(StrEnum):
    """What an operation does."""

    CREATE = "create"  # opens the payment at the provider: no money moves
    AUTHORIZE = "authorize"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    REFUND_REVERSAL = "refund_reversal"
    CHARGEBACK = "chargeback"
    CHARGEBACK_REVERSAL = "chargeback_reversal"


class State(StrEnum):
    """How an operation stands. What succeeded never goes back: its reversal is an operation of its own."""

    INITIATED = "initiated"  # to be asked, or asked and not known yet
    PENDING = "pending"  # the provider thinks about it
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARKED = "parked"  # it happened, but not as we asked: not counted, a person looks


class Dispute(StrEnum):
    """What the payer says to the provider about the payment."""

    NONE = "none"
    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(slots=True)
class Operation:
    """One movement of money, or an attempt at one."""

    id: UUID
    payment_id: UUID
    kind: Kind
    status: State
    amount_minor: int
    currency: str
    actor: str
    parent_id: UUID | None = None
    provider: str | None = None
    provider_ref: str | None = None
    fee_minor: int | None = None
    error_code: str | None = None
    reference: str | None = None
    reason: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    resolved_at: datetime | None = None

    @property
    def amount(self) -> Money:
        """What moves."""
        return Money(self.amount_minor, self.currency)

    def settle(self, status: State, error: str | None = None) -> None:
        """Say how it ended."""
        self.status = status
        self.error_code = error
        self.resolved_at = datetime.now(UTC) if status is not State.PENDING else None


@dataclass(slots=True)
class Payment:
    """The payment of one order."""

    __tablename__: ClassVar[str] = "payment"
    noun: ClassVar[str] = "payment"

    id: UUID
    order_id: UUID
    number: str
    method: str
    kind: str
    currency: str
    amount_minor: int
    merchant_ref: str
    intent: str = "capture"
    version: int = 0
    round: int = 1
    order_version: int = 0
    status: str = PaymentStatus.CREATED
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    disputed_minor: int = 0
    refund_pending: bool = False
    unasked: bool = False
    due_on_delivery: bool = False
    provider: str | None = None
    provider_payment_id: str | None = None
    provider_ref: str | None = None
    approval_link: str | None = None
    link_wanted: bool = False
    expires_at: datetime | None = None
    approved_at: datetime | None = None
    received_at: datetime | None = None
    expired_round: int | None = None
    looked_for: UUID | None = None
    answered_expiring: UUID | None = None
    failure: str | None = None
    dispute: str = Dispute.NONE
    dispute_ref: str | None = None
    dispute_minor: int = 0
    dispute_at: datetime | None = None
    next_look_at: datetime | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def money(self, minor: int) -> Money:
        """An amount of this payment's currency."""
        return Money(minor, self.currency)

    @property
    def expired(self) -> bool:
        """Whether it was closed in the order's present round: nothing new is started."""
        return self.expired_round == self.round

    def snapshot(self) -> PaymentSnapshot:
        """What the others may know."""
        return PaymentSnapshot(
            id=self.id,
            order_id=self.order_id,
            version=self.version,
            round=self.round,
            order_version=self.order_version,
            method=self.method,
            kind=self.kind,
            status=self.status,
            amount=self.money(self.amount_minor),
            authorized=self.money(self.authorized_minor),
            received=self.money(self.captured_minor),
            refunded=self.money(self.refunded_minor),
            disputed=self.money(self.disputed_minor),
            due_on_delivery=self.due_on_delivery,
            provider=self.provider,
            provider_ref=self.provider_ref,
            reference=self.merchant_ref if self.kind == PaymentKind.TRANSFER else None,
            approval_link=self.approval_link if self.status == PaymentStatus.AWAITING else None,
            expires_at=self.expires_at if self.status == PaymentStatus.AWAITING else None,
            received_at=self.received_at,
            answered_expiring=self.answered_expiring,
            refund_pending=self.refund_pending,
            unasked=self.unasked,
        )

    def copy(self) -> Self:
        """As it is now, to compare with later."""
        return replace(self)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the newest order snapshot asks of its payment."""

    version: int
    round: int
    total: Money
    cancelled: bool
    give_back: bool  # all money goes back by itself
    may_take: bool  # the goods are held and nothing holds the order
    held: bool
    delivered: bool
    returned: bool
    expiring: UUID | None

    @classmethod
    def of(cls, order: OrderSnapshot) -> Self:
        """Read from a snapshot."""
        cancelled = order.lifecycle == Lifecycle.CANCELLED
        safe = order.lifecycle in (Lifecycle.CONFIRMED, Lifecycle.COMPLETED) or order.stock == StockAxis.NONE
        held_goods = order.reserved_once and order.stock in (StockAxis.RESERVED, StockAxis.DEDUCTED)
        return cls(
            version=order.version,
            round=order.round,
            total=order.total,
            cancelled=cancelled,
            give_back=cancelled and order.give_back == GiveBack.ALL,
            may_take=not cancelled and not order.holds and (safe or held_goods),
            held=bool(order.holds),
            delivered=order.fulfilment == FulfilmentAxis.DELIVERED,
            returned=order.fulfilment == FulfilmentAxis.RETURNED,
            expiring=order.expiring,
        )


def columns(row: type[Any]) -> tuple[str, ...]:
    """The columns that a dataclass of ours is made of."""
    return tuple(each.name for each in fields(row))
