"""The couriers of this process, each opened once per version of its account, so that tokens last."""

from typing import Any

import asyncpg
import httpx

from libs.events.transaction import Transaction
from services.shipping.accounts import store as accounts
from services.shipping.couriers.fan import Fan
from services.shipping.couriers.own_fleet import OwnFleet
from services.shipping.couriers.port import Account, Courier
from services.shipping.sealing import Seal
from services.shipping.settings import Settings

CODES = ("own_fleet", "fan")
"""The couriers there are adapters for."""


class UnknownAccountError(Exception):
    """There is no such courier account."""


class Couriers:
    """Gives the adapter of an account."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        self._settings, self._http, self._seal = settings, http, Seal(settings)
        self._open: dict[tuple[str, int], Courier] = {}

    async def of(self, tx: Transaction, code: str) -> Courier:
        """The courier of an account; UnknownAccountError when there is none."""
        row = await accounts.by_code(tx, code)
        if row is None:
            raise UnknownAccountError(code)
        key = (code, row["version"])
        if key not in self._open:
            self._open = {other: courier for other, courier in self._open.items() if other[0] != code}
            self._open[key] = self._opened(row)
        return self._open[key]

    def _opened(self, row: asyncpg.Record) -> Courier:
        account = opened_account(row, self._seal)
        if account.courier == "fan":
            return Fan(account, self._http, self._settings.fan_base_url, self._settings.courier_timeout)
        return OwnFleet(account, self._settings.open_to_customers)


def opened_account(row: asyncpg.Record, seal: Seal) -> Account:
    """An account with its credentials."""
    options: dict[str, Any] = row["options"]
    return Account(
        row["code"],
        row["courier"],
        row["sender"],
        options,
        seal.open(row["credentials"]),
        row["tracking_link"],
    )
