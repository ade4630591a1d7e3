"""How a payment stands: everything about it that follows from its operations and its order; pure."""

from collections.abc import Iterable, Sequence

from libs.contracts.orders import PaymentKind
from libs.contracts.payments import PaymentStatus
from services.payments.domain import NEVER_HAPPENED, PAYPAL, Dispute, Kind, Operation, Payment, State, Wanted


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
