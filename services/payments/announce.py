"""Which facts a change of a payment is: one for the change, each with the whole snapshot."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from libs.contracts.common import Stuck, WorkCleared, WorkStuck
from libs.contracts.payments import (
    PaymentAuthorized,
    PaymentDisputed,
    PaymentExpired,
    PaymentFact,
    PaymentFailed,
    PaymentPending,
    PaymentReceived,
    PaymentRefunded,
    PaymentStatus,
    PaymentVoided,
)
from libs.events.transaction import Transaction
from services.payments.domain import Operation, Payment, State

TOPICS: dict[str, type[PaymentFact]] = {
    PaymentStatus.AWAITING: PaymentPending,
    PaymentStatus.APPROVED: PaymentPending,
    PaymentStatus.AUTHORIZED: PaymentAuthorized,
    PaymentStatus.PARTLY_RECEIVED: PaymentReceived,
    PaymentStatus.RECEIVED: PaymentReceived,
    PaymentStatus.PARTLY_REFUNDED: PaymentRefunded,
    PaymentStatus.REFUNDED: PaymentRefunded,
    PaymentStatus.VOIDED: PaymentVoided,
    PaymentStatus.FAILED: PaymentFailed,
    PaymentStatus.EXPIRED: PaymentExpired,
}
SILENT = {"version", "order_version"}
"""Members of the snapshot whose change alone is told to nobody."""


async def changes(
    tx: Transaction,
    before: Payment | None,
    after: Payment,
    operations: Sequence[Operation],
    known: Mapping[UUID, Operation],
) -> None:
    """Tell what the others must know; a payment that nobody can pay yet is no news."""
    fact = fact_of(before, after)
    if fact is not None:
        await tx.emit(after, fact)
    for operation in operations:
        was = known.get(operation.id)
        if operation.status is State.PARKED and (was is None or was.status is not State.PARKED):
            await tx.emit(after, _stuck(after, operation))
        elif was is not None and was.status is State.PARKED and operation.status is not State.PARKED:
            await tx.emit(
                after,
                WorkCleared(work=operation.id, version=after.version, service=tx.service, order_id=after.order_id),
            )


def fact_of(before: Payment | None, after: Payment) -> PaymentFact | None:
    """The fact that brings everybody from `before` to `after`, None when nothing that they can see has changed."""
    kind = TOPICS.get(after.status)
    if before is None:
        return kind(payment=after.snapshot()) if kind else None
    if before.snapshot().model_dump(exclude=SILENT) == after.snapshot().model_dump(exclude=SILENT):
        return None
    if before.disputed_minor != after.disputed_minor or before.dispute != after.dispute:
        kind = PaymentDisputed
    elif after.refunded_minor > before.refunded_minor:
        kind = PaymentRefunded
    return kind(payment=after.snapshot()) if kind else None


def _stuck(payment: Payment, operation: Operation) -> WorkStuck:
    return WorkStuck(
        work=operation.id,
        version=payment.version,
        service="payments",
        order_id=payment.order_id,
        kind=Stuck.PARKED,
        what=f"a {operation.kind} at the provider is not what was asked for: {operation.error_code}",
        since=operation.resolved_at or operation.created_at,
    )
