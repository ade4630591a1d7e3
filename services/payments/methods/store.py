"""Every statement about payment methods."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.payments.tables import PaymentMethodRow

Row = Mapping[str, Any]
_COLUMNS = (
    "code, kind, names, active, currencies, companies_only, fee_minor, fee_currency, reserve_for_minutes, "
    "delivery_kinds, intent"
)
_WHOLE = columns(PaymentMethodRow)


async def add(tx: Transaction, method_id: UUID, method: dict[str, object]) -> Row | None:
    """A new method, None where its code is taken."""
    values = _values(method)
    row: Row | None = await tx.sql.fetchrow(
        f"""INSERT INTO payment_method (id, version, {_COLUMNS})
            VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (code) DO NOTHING RETURNING {_WHOLE}""",  # noqa: S608 - columns
        method_id,
        *values,
    )
    return row


async def replace(tx: Transaction, method_id: UUID, method: dict[str, object]) -> Row:
    """A method as it is from now on."""
    row: Row | None = await tx.sql.fetchrow(
        f"""UPDATE payment_method SET version = version + 1, ({_COLUMNS}) =
            ROW ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) WHERE id = $1 RETURNING {_WHOLE}""",  # noqa: S608 - columns
        method_id,
        *_values(method),
    )
    assert row is not None  # noqa: S101 - locked before
    return row


def _values(method: dict[str, object]) -> list[object]:
    return [
        json.dumps(method[name]) if name == "names" else method[name]
        for name in (each.strip() for each in _COLUMNS.split(","))
    ]


async def locked(tx: Transaction, code: str) -> Row | None:
    """A method by its code, locked until the commit."""
    row: Row | None = await tx.sql.fetchrow(f"SELECT {_WHOLE} FROM payment_method WHERE code = $1 FOR UPDATE", code)  # noqa: S608
    return row


async def by_code(tx: Transaction, code: str) -> Row | None:
    """A method by its code."""
    row: Row | None = await tx.sql.fetchrow(f"SELECT {_WHOLE} FROM payment_method WHERE code = $1", code)  # noqa: S608 - columns
    return row


async def page(tx: Transaction, after: str | None, limit: int) -> list[Row]:
    """Methods by code."""
    rows: list[Row] = await tx.sql.fetch(
        f"SELECT {_WHOLE} FROM payment_method WHERE $1::text IS NULL OR code > $1 ORDER BY code LIMIT $2",  # noqa: S608
        after,
        limit,
    )
    return rows
