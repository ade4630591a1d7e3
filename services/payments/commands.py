"""What a person may do to a payment: say that money came, give some back, open it again. Any of it may be refused."""

from datetime import UTC, datetime
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.orders import PaymentKind
from libs.contracts.payments import PaymentStatus
from libs.events.transaction import Transaction
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid
from services.payments import handlers
from services.payments.domain import BY_HAND, CHANNEL, COURIER, PAYPAL, Kind, Operation, Payment, State
from services.payments.handlers import Desk
from services.payments.steps import Plan, refundable

HANDS = {
    PaymentKind.TRANSFER: "bank",
    PaymentKind.CASH: "till",
    PaymentKind.CASH_ON_DELIVERY: COURIER,
    PaymentKind.EXTERNAL: CHANNEL,
}
"""Who moves money of a kind that no provider moves for us."""


async def money_received(
    tx: Transaction, payment_id: UUID, amount: Money, reference: str | None, if_match: int | None = None
) -> Payment:
    """An operator has seen the money of a transfer, or has it in the till; Conflict where a provider says so."""
    desk = await Desk.at(tx, payment_id)
    payment = desk.payment
    check_version(payment.version, if_match)
    if payment.kind not in BY_HAND and payment.kind != PaymentKind.CASH_ON_DELIVERY:
        raise Conflict("only a transfer or cash is marked as received by hand")
    if amount.currency != payment.currency:
        raise Invalid(f"the payment is in {payment.currency}", field="amount.currency")
    if payment.kind == PaymentKind.TRANSFER and reference is None:
        raise Invalid("name the bank's own reference, so that no transfer is counted twice", field="reference")
    provider = "till" if payment.kind == PaymentKind.CASH_ON_DELIVERY else HANDS[PaymentKind(payment.kind)]
    if reference is not None and await handlers.seen(tx, provider, Kind.CAPTURE, reference):
        raise Conflict("money of this reference is booked already", field="reference")
    await desk.start(Plan(Kind.CAPTURE, amount.minor, done=True, provider=provider), reference=reference)
    await desk.settle()
    return payment


async def give_back(
    tx: Transaction, payment_id: UUID, amount: Money | None, reason: str, if_match: int | None = None
) -> tuple[Payment, Operation]:
    """Give money back, all that is left or an amount; Conflict above what is left. By hand where no provider can."""
    desk = await Desk.at(tx, payment_id)
    payment = desk.payment
    check_version(payment.version, if_match)
    if amount is not None and amount.currency != payment.currency:
        raise Invalid(f"the payment is in {payment.currency}", field="amount.currency")
    left = {op.id: refundable(op, desk.operations) for op in desk.operations if _was_taken(op)}
    most = max(left.values(), default=0)
    minor = most if amount is None else amount.minor
    if minor == 0 or minor > sum(left.values()):
        raise Conflict(f"{payment.money(sum(left.values()))} is left to give back", field="amount")
    capture = next((op for op in desk.operations if left.get(op.id, 0) >= minor), None)
    if capture is None:
        raise Conflict(f"it came in several parts: at most {payment.money(most)} at once", field="amount")
    by_provider = capture.provider == PAYPAL
    plan = Plan(Kind.REFUND, minor, capture, done=not by_provider, provider=str(capture.provider))
    operation = await desk.start(plan, reason=reason)
    await desk.settle()
    return payment, operation


def _was_taken(operation: Operation) -> bool:
    return operation.kind is Kind.CAPTURE and operation.status is State.SUCCEEDED


async def open_again(tx: Transaction, payment_id: UUID) -> Payment:
    """Let the buyer try once more: a new approval link where the last one is used up or gone."""
    desk = await Desk.at(tx, payment_id)
    payment = desk.payment
    if payment.kind != PaymentKind.PAYPAL:
        return payment
    if desk.wanted.cancelled or payment.expired or payment.captured_minor or payment.authorized_minor:
        raise Conflict("nothing is to be paid")
    stale = payment.expires_at is not None and payment.expires_at <= datetime.now(UTC)
    open_ = payment.approval_link is not None and not stale and payment.failure is None
    if not open_ and payment.status != PaymentStatus.APPROVED and not payment.link_wanted:
        payment.link_wanted, payment.failure, payment.approval_link = True, None, None
        await desk.settle()
    return payment
