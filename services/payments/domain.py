"""A payment, its operations, and what follows from them: operations carry the truth, everything else is derived."""

from collections.abc import Iterable, Sequence
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


def total(operations: Iterable[Operation], kind: Kind, *states: State) -> int:
    """The sum of the operations of one kind in these states, in minor units."""
    return sum(op.amount_minor for op in operations if op.kind is kind and op.status in states)


def captured(operations: Iterable[Operation]) -> int:
    """What was taken, ever."""
    return total(operations, Kind.CAPTURE, State.SUCCEEDED)


def refunded(operations: Sequence[Operation]) -> int:
    """What went back for good."""
    return total(operations, Kind.REFUND, State.SUCCEEDED) - total(operations, Kind.REFUND_REVERSAL, State.SUCCEEDED)


def going_back(operations: Iterable[Operation]) -> int:
    """What is on its way back."""
    return total(operations, Kind.REFUND, State.INITIATED, State.PENDING)


def charged_back(operations: Sequence[Operation]) -> int:
    """What the payer's bank took."""
    taken = total(operations, Kind.CHARGEBACK, State.SUCCEEDED)
    return max(0, taken - total(operations, Kind.CHARGEBACK_REVERSAL, State.SUCCEEDED))


def held_by_us(operations: Sequence[Operation]) -> int:
    """What is here and on no way back: never below what a refund may take."""
    return captured(operations) - refunded(operations) - going_back(operations) - charged_back(operations)


def authorized(operations: Sequence[Operation]) -> int:
    """What is promised and neither taken nor let go."""
    gone = {op.parent_id for op in operations if op.kind is Kind.VOID and op.status is State.SUCCEEDED}
    gone |= {
        op.parent_id for op in operations if op.kind is Kind.CAPTURE and op.status in (State.SUCCEEDED, State.PENDING)
    }
    return sum(op.amount_minor for op in _succeeded(operations, Kind.AUTHORIZE) if op.id not in gone)


def _succeeded(operations: Iterable[Operation], kind: Kind) -> list[Operation]:
    return [op for op in operations if op.kind is kind and op.status is State.SUCCEEDED]


def runs(operations: Iterable[Operation], *kinds: Kind) -> bool:
    """Whether an operation (of these kinds) has been started whose outcome is not known."""
    return any(op.status is State.INITIATED and (not kinds or op.kind in kinds) for op in operations)


def waits(operations: Iterable[Operation], kind: Kind) -> bool:
    """Whether the provider still thinks about one, or a person has to."""
    return any(op.kind is kind and op.status in (State.PENDING, State.PARKED) for op in operations)


def derive(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> None:
    """Bring everything about the payment that follows from its operations and its order up to date."""
    payment.authorized_minor = authorized(operations)
    payment.captured_minor = captured(operations)
    payment.refunded_minor = refunded(operations)
    dispute = payment.dispute_minor if payment.dispute == Dispute.OPEN else 0
    payment.disputed_minor = max(charged_back(operations), dispute)
    payment.refund_pending = going_back(operations) > 0
    taken = [op for op in operations if op.kind is Kind.CAPTURE and op.status is State.SUCCEEDED]
    if taken:
        payment.provider_ref = taken[0].provider_ref
        payment.received_at = payment.received_at or taken[0].resolved_at
    payment.due_on_delivery = (
        payment.kind == PaymentKind.CASH_ON_DELIVERY and not taken and not wanted.cancelled and not wanted.returned
    )
    payment.unasked = _unasked(payment, operations, wanted)
    payment.status = status_of(payment, operations, wanted)


def _unasked(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> bool:
    """Money of a cancelled order that nobody will give back by itself."""
    if not wanted.give_back or held_by_us(operations) <= 0 or payment.kind == PaymentKind.EXTERNAL:
        return False
    return payment.provider != PAYPAL or refund_refused(operations)


def refund_refused(operations: Iterable[Operation]) -> bool:
    """Whether the provider said no to a refund: a person decides what then."""
    return any(
        op.kind is Kind.REFUND and op.status is State.FAILED and op.error_code != NEVER_HAPPENED for op in operations
    )


def status_of(  # noqa: PLR0911 - a list
    payment: Payment, operations: Sequence[Operation], wanted: Wanted
) -> PaymentStatus:
    """How the payment stands: a pure function of its operations, so that a late failure takes nothing back."""
    if payment.captured_minor > 0 or payment.amount_minor == 0:
        return _with_money(payment)
    if payment.authorized_minor > 0:
        return PaymentStatus.AUTHORIZED
    if any(op.kind is Kind.VOID and op.status is State.SUCCEEDED for op in operations):
        return PaymentStatus.VOIDED
    quiet = not runs(operations) and not waits(operations, Kind.CAPTURE)
    if quiet and payment.expired:
        return PaymentStatus.EXPIRED
    if payment.failure is not None and quiet:
        return PaymentStatus.FAILED
    if quiet and wanted.cancelled:
        return PaymentStatus.EXPIRED
    if payment.approved_at is not None:
        return PaymentStatus.APPROVED
    if payment.kind == PaymentKind.PAYPAL and (payment.link_wanted or payment.provider_payment_id is None):
        return PaymentStatus.CREATED
    return PaymentStatus.AWAITING


def _with_money(payment: Payment) -> PaymentStatus:
    left = payment.captured_minor - payment.refunded_minor
    if payment.refunded_minor > 0 and left <= 0:
        return PaymentStatus.REFUNDED
    if left >= payment.amount_minor:
        return PaymentStatus.RECEIVED
    if payment.refunded_minor > 0:
        return PaymentStatus.PARTLY_REFUNDED
    return PaymentStatus.PARTLY_RECEIVED


def columns(row: type[Any]) -> tuple[str, ...]:
    """The columns that a dataclass of ours is made of."""
    return tuple(each.name for each in fields(row))
