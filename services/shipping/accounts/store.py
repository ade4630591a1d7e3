"""Every statement about courier accounts."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.shipping.tables import CourierAccountRow

_WHOLE = columns(CourierAccountRow)


async def by_code(tx: Transaction, code: str, *, lock: bool = False) -> asyncpg.Record | None:
    """An account's row."""
    return await tx.sql.fetchrow(
        f"SELECT {_WHOLE} FROM courier_account WHERE code = $1{' FOR UPDATE' if lock else ''}",  # noqa: S608 - columns
        code,
    )


async def page(tx: Transaction, after: str | None, limit: int) -> Sequence[asyncpg.Record]:
    """Accounts by code."""
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        f"SELECT {_WHOLE} FROM courier_account WHERE $1::text IS NULL OR code > $1 ORDER BY code LIMIT $2",  # noqa: S608
        after,
        limit,
    )


async def insert(tx: Transaction, account_id: UUID, code: str, courier: str) -> bool:
    """A new account, not in use yet; False when the code is taken."""
    return bool(
        await tx.sql.fetchval(
            """INSERT INTO courier_account (id, version, code, courier, active, sender, options, callback_secrets)
               VALUES ($1, 0, $2, $3, false, '{}', '{}', '{}') ON CONFLICT (code) DO NOTHING RETURNING true""",
            account_id,
            code,
            courier,
        )
    )


async def update(
    tx: Transaction,
    code: str,
    active: bool,  # noqa: FBT001 - a column
    sender: dict[str, Any],
    options: dict[str, Any],
    tracking_link: str | None,
    credentials: bytes | None,
) -> asyncpg.Record:
    """Write an account; credentials that are not given stay."""
    row = await tx.sql.fetchrow(
        f"""UPDATE courier_account SET version = version + 1, active = $2, sender = $3, options = $4,
               tracking_link = $5, credentials = coalesce($6, credentials) WHERE code = $1 RETURNING {_WHOLE}""",  # noqa: S608 - columns
        code,
        active,
        json.dumps(sender),
        json.dumps(options),
        tracking_link,
        credentials,
    )
    assert row is not None  # noqa: S101 - locked by the caller
    return row


async def add_callback_secret(tx: Transaction, code: str, sealed: bytes, live: int) -> None:
    """The newest `live` secrets stay valid, this one first."""
    await tx.sql.execute(
        """UPDATE courier_account SET version = version + 1, callback_secrets = ($2 || callback_secrets)[1:$3]
           WHERE code = $1""",
        code,
        [sealed],
        live,
    )


async def active(tx: Transaction) -> Sequence[str]:
    """The codes of active accounts."""
    return [row["code"] for row in await tx.sql.fetch("SELECT code FROM courier_account WHERE active ORDER BY code")]


async def sealed(tx: Transaction) -> Sequence[asyncpg.Record]:
    """What is sealed of every account, locked."""
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        "SELECT id, credentials, callback_secrets FROM courier_account ORDER BY id FOR UPDATE"
    )


async def seal(tx: Transaction, account_id: UUID, credentials: bytes | None, callbacks: Sequence[bytes | None]) -> None:
    """The same contents under another seal: nothing that a version would tell."""
    await tx.sql.execute(
        "UPDATE courier_account SET credentials = $2, callback_secrets = $3 WHERE id = $1",
        account_id,
        credentials,
        callbacks,
    )
