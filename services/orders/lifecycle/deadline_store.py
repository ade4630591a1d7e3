"""The rules of deadlines as they are kept: one row, written whole."""

import json
from dataclasses import asdict

from libs.events.transaction import Transaction
from services.orders.lifecycle.clock import Rule, rules_of

_READ = "SELECT version, rules FROM deadline_settings"
_LOCKED = f"{_READ} FOR UPDATE"


async def read(tx: Transaction, *, lock: bool = False) -> tuple[int, tuple[Rule, ...]]:
    """Their version and the rules."""
    row = await tx.sql.fetchrow(_LOCKED if lock else _READ)
    return row["version"], rules_of(row["rules"])


async def write(tx: Transaction, version: int, rules: tuple[Rule, ...]) -> None:
    """Replace them all."""
    told = json.dumps([asdict(rule) for rule in rules])
    await tx.sql.execute("UPDATE deadline_settings SET version = $1, rules = $2", version, told)
