"""The key that seals couriers' credentials can be changed while parcels are booked."""

from typing import Any

import asyncpg
import pytest

from libs.events.transaction import Cause, UnitOfWork
from services.shipping.accounts import handlers
from services.shipping.sealing import Seal, SealBrokenError
from services.shipping.settings import Settings

CREDENTIALS = {"username": "shop", "password": "courier's"}


def seal(url: str, **keys: str) -> Seal:
    told: dict[str, Any] = {"mode": "development", "database_url": url, "events_bus": url, **keys}
    return Seal(Settings(**told))


async def test_after_a_change_of_keys_the_old_one_can_be_thrown_away(shipping_url: str) -> None:
    old, both = seal(shipping_url, secrets_key="old"), seal(shipping_url, secrets_key="new", secrets_key_before="old")
    new = seal(shipping_url, secrets_key="new")
    values = {
        "credentials": CREDENTIALS,
        "active": True,
        "sender": {},
        "options": {"client_id": 1},
        "tracking_link": None,
    }
    uow = UnitOfWork.open(shipping_url, "shipping", pool_size=2)
    async with uow(Cause(actor="system:test")) as tx:
        await handlers.create(tx, old, "fan1", "fan", values)
        secret = await handlers.new_callback_secret(tx, old, "fan1")
    before = await account(shipping_url)
    assert both.open(before["credentials"]) == CREDENTIALS
    with pytest.raises(SealBrokenError):
        new.open(before["credentials"])
    async with uow(Cause(actor="system:test")) as tx:
        assert await handlers.seal_anew(tx, both) == 1
    async with uow(Cause(actor="system:test")) as tx:
        assert await handlers.seal_anew(tx, both) == 0
    await uow.close()
    after = await account(shipping_url)
    assert new.open(after["credentials"]) == CREDENTIALS
    assert [new.open(each) for each in after["callback_secrets"]] == [secret]
    assert after["version"] == before["version"]
    with pytest.raises(SealBrokenError):
        old.open(after["credentials"])


async def account(url: str) -> asyncpg.Record:
    link = await asyncpg.connect(url)
    row = await link.fetchrow("SELECT * FROM courier_account")
    await link.close()
    assert row is not None
    return row
