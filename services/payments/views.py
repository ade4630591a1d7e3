"""What the API shows of payments."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from libs.contracts.common import Money
from libs.service.call import Body
from services.payments.domain import Operation, Payment, State
from services.payments.store import Row


def _more_than_nothing(money: Money) -> Money:
    if money.minor <= 0:
        raise ValueError("more than nothing")
    return money


Amount = Annotated[Money, AfterValidator(_more_than_nothing)]


class ReceivedIn(Body):
    """Money that an operator has seen: on the bank's statement, or in the till."""

    amount: Amount
    reference: Annotated[str, Field(min_length=1, max_length=140)] | None = None


class RefundIn(Body):
    """Money to give back; without an amount, all that is left."""

    amount: Amount | None = None
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class OperationOut(BaseModel):
    """One movement of money, or an attempt at one; `unknown`: asked, and the outcome is being found out."""

    id: UUID
    kind: str
    status: str
    amount: Money
    parent_id: UUID | None
    provider: str | None
    provider_ref: str | None
    fee: Money | None
    error_code: str | None
    reason: str | None
    actor: str
    created_at: datetime
    resolved_at: datetime | None

    @classmethod
    def of(cls, operation: Operation, call_state: str | None = None) -> "OperationOut":
        """From an operation and how its call stands."""
        unknown = operation.status is State.INITIATED and call_state == "unknown"
        fee = Money(operation.fee_minor, operation.currency) if operation.fee_minor is not None else None
        names = (
            "id",
            "kind",
            "amount",
            "parent_id",
            "provider",
            "provider_ref",
            "error_code",
            "reason",
            "actor",
            "created_at",
            "resolved_at",
        )
        shown: dict[str, Any] = {name: getattr(operation, name) for name in names}
        return cls(**shown, status="unknown" if unknown else operation.status, fee=fee)


class LineOut(BaseModel):
    """One side of a ledger entry: plus is debit, minus is credit."""

    entry_id: UUID
    entry: str
    account: str
    amount: Money
    at: datetime

    @classmethod
    def of(cls, row: Row) -> "LineOut":
        """From a row."""
        return cls(
            entry_id=row["id"],
            entry=row["kind"],
            account=row["account_id"],
            amount=Money(row["amount_minor"], row["currency"]),
            at=row["at"],
        )


class PaymentOut(BaseModel):
    """A payment."""

    id: UUID
    order_id: UUID
    version: int
    method: str
    kind: str
    status: str
    amount: Money
    authorized: Money
    received: Money
    refunded: Money
    disputed: Money
    due_on_delivery: bool
    refund_pending: bool
    unasked: bool
    provider: str | None
    provider_ref: str | None
    reference: str | None
    approval_link: str | None
    expires_at: datetime | None
    received_at: datetime | None
    failure: str | None
    dispute: str

    @classmethod
    def of(cls, payment: Payment, **more: Any) -> "PaymentOut":
        """From a payment."""
        shown = payment.snapshot()
        names = [name for name in PaymentOut.model_fields if name in type(shown).model_fields]
        return cls(
            **{name: getattr(shown, name) for name in names}, failure=payment.failure, dispute=payment.dispute, **more
        )


class PaymentDetail(PaymentOut):
    """A payment with everything that moved, and what the ledger says of it."""

    operations: list[OperationOut]
    ledger: list[LineOut]


class LinkOut(BaseModel):
    """How an order can be paid: a link to the provider, or the reference that a transfer must quote."""

    payment_id: UUID
    status: str
    amount: Money
    approval_link: str | None
    reference: str | None
    expires_at: datetime | None

    @classmethod
    def of(cls, payment: Payment) -> "LinkOut":
        """From a payment."""
        shown = payment.snapshot()
        return cls(
            payment_id=shown.id,
            status=shown.status,
            amount=shown.amount,
            approval_link=shown.approval_link,
            reference=shown.reference,
            expires_at=shown.expires_at,
        )


class BalanceOut(BaseModel):
    """What stands on an account."""

    account: str
    balance: Money
