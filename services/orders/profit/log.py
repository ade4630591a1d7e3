"""What is written into an order's timeline of a command about costs that no fact tells."""

from datetime import UTC, datetime
from typing import Any

from libs.contracts.common import Money
from libs.events.transaction import Transaction
from services.orders.lifecycle.change import Change


def note(tx: Transaction, change: Change, command: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Write a command with what was and what is; nothing personal."""
    change.note(tx, command, before=before, after=after)


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A cost as the timeline shows it."""
    amount = Money(row["amount"], row["currency"]).wire()
    return {"kind": row["kind"], "source": row["source"], "amount": amount, "actual": row["actual"]}


def now() -> datetime:
    """The time, where no fact carries one."""
    return datetime.now(UTC)
