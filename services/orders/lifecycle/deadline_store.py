"""Every statement about deadlines: their rules, one row that is written whole, and the orders they have passed for."""

import json
from dataclasses import asdict
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.lifecycle.clock import Rule, rules_of
from services.orders.lifecycle.tables import DELIVERY_WAITED_FOR, PAYMENT_WAITED_FOR

_READ = "SELECT version, rules FROM deadline_settings"
_LOCKED = f"{_READ} FOR UPDATE"
_LATE = f"""
WITH unpaid AS (
    SELECT id FROM orders WHERE {PAYMENT_WAITED_FOR} AND payment_due_at <= now() ORDER BY payment_due_at LIMIT $1
    FOR UPDATE SKIP LOCKED
), undelivered AS (
    SELECT id FROM orders WHERE {DELIVERY_WAITED_FOR} AND delivery_due_at <= now() ORDER BY delivery_due_at LIMIT $1
    FOR UPDATE SKIP LOCKED
)
SELECT id FROM unpaid UNION SELECT id FROM undelivered
"""  # noqa: S608 - constants


async def read(tx: Transaction, *, lock: bool = False) -> tuple[int, tuple[Rule, ...]]:
    """Their version and the rules."""
    row = await tx.sql.fetchrow(_LOCKED if lock else _READ)
    return row["version"], rules_of(row["rules"])


async def write(tx: Transaction, version: int, rules: tuple[Rule, ...]) -> None:
    """Replace them all."""
    told = json.dumps([asdict(rule) for rule in rules])
    await tx.sql.execute("UPDATE deadline_settings SET version = $1, rules = $2", version, told)


async def late(tx: Transaction, batch: int) -> list[UUID]:
    """Orders of which something is past its deadline by the database's clock, locked; locked ones are left out."""
    rows = await tx.sql.fetch(_LATE, batch)
    return [row["id"] for row in rows]


async def due(tx: Transaction, batch: int) -> list[UUID]:
    """Open orders whose deadline has come by the database's clock, locked; somebody else's are left out."""
    rows = await tx.sql.fetch(
        """SELECT id FROM orders WHERE reserve_until <= now() AND expiring IS NULL AND lifecycle = 'open'
           ORDER BY reserve_until LIMIT $1 FOR UPDATE SKIP LOCKED""",
        batch,
    )
    return [row["id"] for row in rows]
