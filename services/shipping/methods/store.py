"""Every statement about delivery methods."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.shipping.tables import DeliveryMethodRow

_WITH_COURIER = f"""
    SELECT {columns(DeliveryMethodRow, "m")}, coalesce(a.courier, '') AS courier
    FROM delivery_method m LEFT JOIN courier_account a ON a.code = m.account
"""  # noqa: S608 - columns


async def by_code(tx: Transaction, code: str) -> asyncpg.Record | None:
    """A method with its courier."""
    return await tx.sql.fetchrow(f"{_WITH_COURIER} WHERE m.code = $1", code)


async def lock(tx: Transaction, code: str) -> None:
    """Hold a method until the commit."""
    await tx.sql.execute("SELECT FROM delivery_method WHERE code = $1 FOR UPDATE", code)


async def page(tx: Transaction, after: str | None, limit: int) -> Sequence[asyncpg.Record]:
    """Methods by code."""
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        f"{_WITH_COURIER} WHERE $1::text IS NULL OR m.code > $1 ORDER BY m.code LIMIT $2", after, limit
    )


async def insert(tx: Transaction, method_id: UUID, code: str, kind: str) -> bool:
    """A new method, not in use yet; False when the code is taken."""
    return bool(
        await tx.sql.fetchval(
            """INSERT INTO delivery_method (id, version, code, kind, names, active, countries, book_when_confirmed,
                   companies_only)
               VALUES ($1, 0, $2, $3, '{}', false, '{}', false, false) ON CONFLICT (code) DO NOTHING RETURNING true""",
            method_id,
            code,
            kind,
        )
    )


async def update(tx: Transaction, code: str, values: dict[str, Any]) -> None:
    """Write a method under its next version."""
    await tx.sql.execute(
        """UPDATE delivery_method SET version = version + 1, kind = $2, account = $3, names = $4, active = $5,
               currency = $6, price_minor = $7, free_from_minor = $8, countries = $9,
               book_when_confirmed = $10, companies_only = $11
           WHERE code = $1""",
        code,
        values["kind"],
        values["account"],
        json.dumps(values["names"]),
        values["active"],
        values["currency"],
        values["price_minor"],
        values["free_from_minor"],
        values["countries"],
        values["book_when_confirmed"],
        values["companies_only"],
    )
