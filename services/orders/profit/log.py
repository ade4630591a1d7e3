"""A cost as an order's timeline shows it, and when it was said."""

from datetime import UTC, datetime
from typing import Any

from libs.contracts.common import Money


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A cost as the timeline shows it."""
    amount = Money(row["amount"], row["currency"]).wire()
    return {"kind": row["kind"], "source": row["source"], "amount": amount, "actual": row["actual"]}


def now() -> datetime:
    """The time, where no fact carries one."""
    return datetime.now(UTC)
