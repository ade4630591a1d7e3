"""Commands about courier accounts. Credentials and secrets go in and never come out."""

import secrets
from typing import Any

import asyncpg

from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, NotFound
from services.shipping.accounts import store
from services.shipping.sealing import Seal

LIVE_SECRETS = 2
"""The newest callback secret and the one before, so that the courier can change over."""


async def create(tx: Transaction, seal: Seal, code: str, courier: str, values: dict[str, Any]) -> asyncpg.Record:
    """A new account; Conflict when the code is taken."""
    if not await store.insert(tx, new_id(), code, courier):
        raise Conflict(f"there is a courier account {code} already")
    return await _write(tx, seal, code, values)


async def replace(
    tx: Transaction, seal: Seal, code: str, values: dict[str, Any], if_match: int | None
) -> asyncpg.Record:
    """The account becomes what is given; its courier never changes, credentials that are not given stay."""
    row = await store.by_code(tx, code, lock=True)
    if row is None:
        raise NotFound
    check_version(row["version"], if_match)
    return await _write(tx, seal, code, values)


async def _write(tx: Transaction, seal: Seal, code: str, values: dict[str, Any]) -> asyncpg.Record:
    credentials = seal.close(values["credentials"]) if values["credentials"] is not None else None
    return await store.update(
        tx, code, values["active"], values["sender"], values["options"], values["tracking_link"], credentials
    )


async def new_callback_secret(tx: Transaction, seal: Seal, code: str) -> str:
    """A new secret for signed callbacks, shown once; the one before stays valid until the next."""
    if await store.by_code(tx, code, lock=True) is None:
        raise NotFound
    secret = secrets.token_urlsafe(32)
    await store.add_callback_secret(tx, code, seal.close(secret), LIVE_SECRETS)
    return secret
