"""What a payment does next: one pure function, asked after every change until nothing follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.contracts.orders import PaymentKind
from libs.contracts.payments import PaymentStatus
from services.payments.domain import CHANNEL, COURIER, NEVER_HAPPENED, PAYPAL, Kind, Operation, Payment, State, Wanted
from services.payments.standing import held_by_us, refund_refused, refunded, runs, waits

MOST_TRIES = 5
"""How often an operation that never happened is started anew before a person is needed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An operation to start. `done`: it has happened already, somewhere else, and nobody has to be asked."""

    kind: Kind
    amount_minor: int
    parent: Operation | None = None
    done: bool = False
    provider: str = PAYPAL


def follow(payment: Payment, wanted: Wanted) -> None:
    """Take over what the order says: its round, and while nothing was taken its amount."""
    payment.order_version = max(payment.order_version, wanted.version)
    payment.round = max(payment.round, wanted.round)
    if wanted.total.currency == payment.currency and wanted.total.minor != payment.amount_minor:
        payment.amount_minor = wanted.total.minor
        if payment.kind == PaymentKind.PAYPAL and payment.captured_minor == 0:  # the buyer agreed to another amount
            payment.link_wanted, payment.approved_at, payment.approval_link = True, None, None


def next_plan(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> Plan | None:
    """The next operation to start, if any."""
    match payment.kind:
        case PaymentKind.CASH_ON_DELIVERY if wanted.delivered and payment.captured_minor == 0 and payment.amount_minor:
            return Plan(Kind.CAPTURE, payment.amount_minor, done=True, provider=COURIER)
        case PaymentKind.EXTERNAL if payment.captured_minor == 0 and payment.amount_minor:
            return Plan(Kind.CAPTURE, payment.amount_minor, done=True, provider=CHANNEL)
        case PaymentKind.PAYPAL if not runs(operations):
            return _with_provider(payment, operations, wanted)
        case _:
            return None


def _with_provider(  # noqa: PLR0911 - a list
    payment: Payment, operations: Sequence[Operation], wanted: Wanted
) -> Plan | None:
    if (back := _excess(payment, operations, wanted)) is not None:
        return back
    promised = _promise(operations)
    if promised is not None and (wanted.give_back or payment.expired):
        return Plan(Kind.VOID, promised.amount_minor, promised)
    open_ = not wanted.cancelled and not payment.expired and payment.failure is None and payment.captured_minor == 0
    if not open_ or waits(operations, Kind.CAPTURE) or payment.amount_minor == 0:
        return None
    if _tries(operations) >= MOST_TRIES:
        return None
    if payment.link_wanted:
        return Plan(Kind.CREATE, payment.amount_minor) if wanted.expiring is None else None
    if promised is not None:
        return Plan(Kind.CAPTURE, promised.amount_minor, promised) if wanted.may_take else None
    if payment.approved_at is None:
        return None
    if payment.intent == "authorize":
        return None if wanted.held else Plan(Kind.AUTHORIZE, payment.amount_minor)
    return Plan(Kind.CAPTURE, payment.amount_minor) if wanted.may_take else None


def _tries(operations: Sequence[Operation]) -> int:
    return sum(op.status is State.FAILED and op.error_code == NEVER_HAPPENED for op in operations)


def _promise(operations: Sequence[Operation]) -> Operation | None:
    """The authorization that was neither taken nor let go."""
    used = {
        op.parent_id
        for op in operations
        if op.kind in (Kind.CAPTURE, Kind.VOID) and op.status in (State.SUCCEEDED, State.PENDING, State.PARKED)
    }
    found = [op for op in operations if op.kind is Kind.AUTHORIZE and op.status is State.SUCCEEDED]
    return next((op for op in found if op.id not in used), None)


def _excess(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> Plan | None:
    """Give back what is here and not wanted: all of a cancelled order's, or what an order became cheaper by."""
    if wanted.cancelled and not wanted.give_back:
        return None
    if refund_refused(operations) or _tries(operations) >= MOST_TRIES:
        return None
    left = held_by_us(operations) - (0 if wanted.cancelled else payment.amount_minor)
    if left <= 0:
        return None
    for capture in operations:
        if capture.kind is Kind.CAPTURE and capture.status is State.SUCCEEDED and capture.provider == PAYPAL:
            amount = min(left, refundable(capture, operations))
            if amount > 0:
                return Plan(Kind.REFUND, amount, capture)
    return None


def refundable(capture: Operation, operations: Sequence[Operation]) -> int:
    """What is left of a capture: taken, minus given back, on its way back, or charged back."""
    mine = [op for op in operations if op.parent_id == capture.id]
    ours = {op.id for op in mine}
    mine += [op for op in operations if op.parent_id in ours]  # reversals hang on what they reverse
    back = refunded(mine) + sum(
        op.amount_minor for op in mine if op.kind is Kind.REFUND and op.status in (State.INITIATED, State.PENDING)
    )
    lost = sum(op.amount_minor for op in mine if op.kind is Kind.CHARGEBACK and op.status is State.SUCCEEDED)
    won = sum(op.amount_minor for op in mine if op.kind is Kind.CHARGEBACK_REVERSAL and op.status is State.SUCCEEDED)
    return max(0, capture.amount_minor - back - lost + won)


def wants_look(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> UUID | None:
    """The `expiring` request for which the provider has to be read again before it can be answered."""
    asked = wanted.expiring
    if asked is None or asked in (payment.answered_expiring, payment.looked_for) or runs(operations):
        return None
    return asked if _may_hide_money(payment) else None


def _may_hide_money(payment: Payment) -> bool:
    return payment.kind == PaymentKind.PAYPAL and payment.provider_payment_id is not None and not payment.captured_minor


def answer_expiring(payment: Payment, operations: Sequence[Operation], wanted: Wanted) -> None:
    """Answer the order's `expiring` once the money's state is known: closed for good, or as it stands."""
    asked = wanted.expiring
    if asked is None or asked == payment.answered_expiring or wanted.cancelled:
        return
    money = payment.captured_minor or payment.authorized_minor or payment.due_on_delivery
    if not money and payment.amount_minor:
        if runs(operations) or (_may_hide_money(payment) and payment.looked_for != asked):
            return  # not known yet
        waiting = waits(operations, Kind.CAPTURE) or (payment.approved_at and payment.status == PaymentStatus.APPROVED)
        if not waiting:
            payment.expired_round = payment.round
    payment.answered_expiring = asked
