"""What a provider says about a payment, and what the payment learns from it: early, late, twice, in any order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.common import Money
from libs.events.transaction import new_id
from services.payments.domain import PAYPAL, Dispute, Kind, Operation, Payment, State

REVERSALS = {Kind.REFUND: Kind.REFUND_REVERSAL, Kind.CHARGEBACK: Kind.CHARGEBACK_REVERSAL}


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of money as the provider keeps it."""

    kind: Kind
    ref: str
    status: State
    amount: Money
    parent_ref: str | None = None  # the capture of a refund, the authorization of a capture
    operation: UUID | None = None  # ours, where the provider gave our id back
    order_ref: str | None = None  # the provider's order it belongs to
    custom_id: str | None = None
    merchant_ref: str | None = None
    fee: Money | None = None
    reason: str | None = None


class Stage(StrEnum):
    """How far the provider's order is."""

    WAITING = "waiting"  # for the buyer
    APPROVED = "approved"
    COMPLETED = "completed"
    GONE = "gone"  # void, or no longer there


@dataclass(frozen=True, slots=True)
class ProviderOrder:
    """The provider's order as it is now."""

    ref: str
    stage: Stage
    amount: Money | None = None
    custom_id: str | None = None
    merchant_ref: str | None = None
    payee: str | None = None
    link: str | None = None
    movements: tuple[Movement, ...] = ()


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """What is said about a dispute of a capture."""

    ref: str
    standing: Dispute
    amount: Money | None
    at: datetime


Posted = Callable[[Operation], None]


def learn_order(
    payment: Payment, operations: list[Operation], said: ProviderOrder, actor: str, payee: str | None = None
) -> None:
    """Take in the provider's order. One that is not ours by reference or payee is parked, whatever it says."""
    wrong = _wrong_order(payment, said, payee)
    for movement in said.movements:
        learn_movement(payment, operations, movement, actor, wrong)
    if said.ref != payment.provider_payment_id or wrong:
        return
    match said.stage:
        case Stage.APPROVED if said.amount is None or said.amount == payment.money(payment.amount_minor):
            payment.approved_at = payment.approved_at or datetime.now(UTC)
        case Stage.WAITING:
            payment.approved_at = None
            payment.approval_link = payment.approval_link or said.link
        case Stage.GONE:
            payment.approved_at = payment.approval_link = None
        case _:
            pass


def _wrong_order(payment: Payment, said: ProviderOrder, payee: str | None) -> str | None:
    if said.custom_id is not None and said.custom_id != str(payment.id):
        return "the provider's order carries another payment's id"
    if said.merchant_ref is not None and said.merchant_ref != payment.merchant_ref:
        return "the provider's order carries another reference"
    if payee is not None and said.payee is not None and said.payee != payee:
        return "the provider's order pays somebody else"
    return None


def learn_movement(
    payment: Payment, operations: list[Operation], said: Movement, actor: str, wrong: str | None = None
) -> Operation:
    """Take in a movement: find the operation it belongs to, or add it, and move that operation forward."""
    operation = _operation_of(operations, said)
    if operation is None:
        if said.kind is Kind.CAPTURE and said.amount.minor != payment.amount_minor:
            wrong = wrong or f"{said.amount} was taken, {payment.money(payment.amount_minor)} is to be paid"
        operation = Operation(
            new_id(), payment.id, said.kind, State.INITIATED, said.amount.minor, said.amount.currency, actor
        )
        parent = _parent(operations, said)
        operation.parent_id = parent.id if parent else None
        operations.append(operation)
    if operation.status is State.PARKED:
        return operation  # heard again, it is as strange as before: a person looks
    operation.provider, operation.provider_ref = PAYPAL, said.ref
    wrong = wrong or _wrong_movement(payment, operation, said)
    if wrong is not None and said.status is not State.FAILED and operation.status is not State.SUCCEEDED:
        operation.settle(State.PARKED, wrong)
        return operation
    _forward(payment, operations, operation, said, actor)
    return operation


def _operation_of(operations: Sequence[Operation], said: Movement) -> Operation | None:
    kinds = {said.kind, Kind.CHARGEBACK} if said.kind is Kind.REFUND else {said.kind}
    for op in operations:
        if op.kind in kinds and op.provider_ref == said.ref:
            return op
    for op in operations:
        if op.kind is said.kind and op.provider_ref is None and _may_be(op, said):
            return op
    return None


def _may_be(operation: Operation, said: Movement) -> bool:
    if said.operation is not None:
        return operation.id == said.operation
    one_of_a_kind = said.kind in (Kind.CAPTURE, Kind.AUTHORIZE, Kind.VOID)  # never two at once
    return one_of_a_kind and operation.status is State.INITIATED


def _parent(operations: Sequence[Operation], said: Movement) -> Operation | None:
    return next((op for op in operations if said.parent_ref is not None and op.provider_ref == said.parent_ref), None)


def _wrong_movement(payment: Payment, operation: Operation, said: Movement) -> str | None:
    if said.custom_id is not None and said.custom_id != str(payment.id) and said.kind in (Kind.CAPTURE, Kind.AUTHORIZE):
        return "the movement carries another payment's id"
    if said.merchant_ref not in (None, payment.merchant_ref) and said.kind in (Kind.CAPTURE, Kind.AUTHORIZE):
        return "the movement carries another reference"
    if said.amount.currency != payment.currency:
        return f"{said.amount} is not in {payment.currency}"
    if said.amount != operation.amount:
        return f"{said.amount} instead of {operation.amount}"
    return None


def _forward(payment: Payment, operations: list[Operation], operation: Operation, said: Movement, actor: str) -> None:
    """Forward only: a late pending or failure changes nothing that has succeeded, except by an operation of its own."""
    if said.fee is not None and operation.fee_minor is None and said.fee.currency == operation.currency:
        operation.fee_minor = said.fee.minor
    if operation.status is State.SUCCEEDED:
        if said.status is State.FAILED and operation.kind in REVERSALS:
            _reverse(operations, operation, said, actor)
        return
    if operation.status is State.FAILED and said.status is not State.SUCCEEDED:
        return
    if said.status is not operation.status:
        operation.settle(said.status, said.reason if said.status is State.FAILED else None)
    _tell(payment, operation, said)


def _tell(payment: Payment, operation: Operation, said: Movement) -> None:
    if operation.kind is Kind.CAPTURE and said.status is State.FAILED:
        payment.failure = payment.failure or f"capture: {said.reason or 'declined'}"
    if operation.kind is Kind.AUTHORIZE and said.status is State.FAILED:
        payment.approved_at = None  # the buyer may choose another way
    if operation.status is State.SUCCEEDED and operation.kind in (Kind.CAPTURE, Kind.AUTHORIZE):
        payment.failure = None


def _reverse(operations: list[Operation], operation: Operation, said: Movement, actor: str) -> None:
    kind = REVERSALS[operation.kind]
    if any(op.kind is kind and op.parent_id == operation.id for op in operations):
        return
    operations.append(
        Operation(
            new_id(), operation.payment_id, kind, State.SUCCEEDED, operation.amount_minor, operation.currency, actor,
            parent_id=operation.id, provider=PAYPAL, provider_ref=said.ref, resolved_at=datetime.now(UTC),
        )
    )  # fmt: skip


def learn_dispute(payment: Payment, said: DisputeNews) -> None:
    """Note a dispute. Once it has ended it does not open again; of several, the one heard of last stands."""
    ended = payment.dispute in (Dispute.WON, Dispute.LOST)
    if said.ref == payment.dispute_ref:
        if ended or (said.standing is Dispute.OPEN and payment.dispute_at and said.at < payment.dispute_at):
            return
    elif payment.dispute_at is not None and said.at < payment.dispute_at:
        return
    payment.dispute_ref, payment.dispute, payment.dispute_at = said.ref, said.standing, said.at
    if said.amount is not None and said.amount.currency == payment.currency:
        payment.dispute_minor = said.amount.minor
