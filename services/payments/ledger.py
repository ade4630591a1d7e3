"""Double entry: what each operation that succeeded means for the accounts. Plus is debit, minus is credit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from libs.contracts.orders import PaymentKind
from services.payments.domain import COURIER, PAYPAL, Kind, Operation, Payment

RECEIVABLE = "order_receivable"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry before it is written: why, by which key it is written once, and lines that add up to nothing."""

    kind: str
    source_key: str
    currency: str
    lines: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        if sum(amount for _, amount in self.lines) != 0:
            raise ValueError(f"{self.kind} does not balance: {self.lines}")


def entry_of(payment: Payment, operation: Operation, due_minor: int) -> Entry | None:
    """The entry of an operation that succeeded, None where no money moved. `due_minor`: what was still to be paid."""
    amount = operation.amount_minor
    held = account_of(payment, operation)
    match operation.kind:
        case Kind.CAPTURE:
            lines = _captured(operation, held, due_minor)
        case Kind.REFUND | Kind.CHARGEBACK_REVERSAL | Kind.REFUND_REVERSAL | Kind.CHARGEBACK:
            other = RECEIVABLE if operation.kind in (Kind.REFUND, Kind.REFUND_REVERSAL) else "dispute_loss"
            sign = 1 if operation.kind in (Kind.REFUND, Kind.CHARGEBACK) else -1
            lines = [(other, sign * amount), (held, -sign * amount)]
        case _:
            return None
    return Entry(operation.kind, str(operation.id), operation.currency, tuple(_clean(lines)))


def fee_entry(payment: Payment, operation: Operation) -> Entry | None:
    """The provider's fee for a capture, an entry of its own: it is often known later."""
    if operation.kind is not Kind.CAPTURE or not operation.fee_minor:
        return None
    lines = (("psp_fees", operation.fee_minor), (account_of(payment, operation), -operation.fee_minor))
    return Entry("fee", f"{operation.id}:fee", operation.currency, lines)


def _captured(operation: Operation, held: str, due_minor: int) -> list[tuple[str, int]]:
    towards = min(operation.amount_minor, max(due_minor, 0))
    return [
        (held, operation.amount_minor),
        (RECEIVABLE, -towards),
        ("unallocated_cash", towards - operation.amount_minor),
    ]


def account_of(payment: Payment, operation: Operation) -> str:
    """Where the money of an operation lies."""
    if operation.provider == PAYPAL:
        return f"psp_clearing:{PAYPAL}"
    if operation.provider == COURIER:
        return "cod_clearing:courier"
    accounts: dict[str, str] = {
        PaymentKind.TRANSFER: "bank",
        PaymentKind.CASH: "till",
        PaymentKind.CASH_ON_DELIVERY: "cod_clearing:courier",
        PaymentKind.EXTERNAL: "channel_clearing",
    }
    return accounts.get(payment.kind, "suspense")


def _clean(lines: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    return ((account, amount) for account, amount in lines if amount != 0)
