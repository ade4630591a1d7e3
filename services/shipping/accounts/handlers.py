"""Commands about courier accounts. Credentials and secrets go in and never come out."""

import secrets
from typing import Any

import asyncpg

from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid, NotFound
from services.shipping.accounts import store
from services.shipping.sealing import Seal

LIVE_SECRETS = 2
"""The newest callback secret and the one before, so that the courier can change over."""


async def create(tx: Transaction, seal: Seal, code: str, courier: str, values: dict[str, Any]) -> asyncpg.Record:
    """A new account; Conflict when the code is taken, Invalid when the courier needs more."""
    _require_complete(courier, values, has_credentials=False)
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
    _require_complete(row["courier"], values, has_credentials=row["credentials"] is not None)
    return await _write(tx, seal, code, values)


def _require_complete(courier: str, values: dict[str, Any], *, has_credentials: bool) -> None:
    """Invalid, naming the field, where the courier could not be asked with such an account."""
    if courier == "fan" and values["credentials"] is None and not has_credentials:
        raise Invalid("FAN needs it", field="credentials")
    if courier == "fan" and values["options"].get("client_id") is None:
        raise Invalid("FAN needs it", field="options.client_id")


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


async def seal_anew(tx: Transaction, seal: Seal) -> int:
    """Seal everything with the newest key; how many accounts had something sealed with the one before."""
    done = 0
    for row in await store.sealed(tx):
        credentials = seal.renewed(row["credentials"])
        callbacks = [seal.renewed(each) for each in row["callback_secrets"]]
        if (credentials, callbacks) != (row["credentials"], row["callback_secrets"]):
            await store.seal(tx, row["id"], credentials, callbacks)
            done += 1
    return done
