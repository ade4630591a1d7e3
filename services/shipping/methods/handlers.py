"""Commands about delivery methods: each ends in `delivery_method.changed` with the full row."""

from typing import Any, ClassVar
from uuid import UUID

import asyncpg

from libs.contracts.common import Money
from libs.contracts.orders import DeliveryKind
from libs.contracts.shipping import DeliveryMethodChanged
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid, NotFound
from services.shipping.accounts import store as accounts
from services.shipping.methods import store


class DeliveryMethod:
    """A delivery method as what emits facts."""

    __tablename__: ClassVar[str] = "delivery_method"
    noun: ClassVar[str] = "delivery_method"

    def __init__(self, method_id: UUID) -> None:
        self.id = method_id


def changed(row: asyncpg.Record) -> DeliveryMethodChanged:
    """The full row as a fact."""

    def money(name: str) -> Money | None:
        return Money(row[name], row["currency"]) if row[name] is not None else None

    return DeliveryMethodChanged(
        id=row["id"],
        version=row["version"],
        code=row["code"],
        kind=DeliveryKind(row["kind"]),
        courier=row["courier"],
        names=row["names"],
        active=row["active"],
        price=money("price_minor"),
        free_from=money("free_from_minor"),
        countries=tuple(row["countries"]),
        book_when_confirmed=row["book_when_confirmed"],
        companies_only=row["companies_only"],
    )


async def create(tx: Transaction, code: str, values: dict[str, Any]) -> asyncpg.Record:
    """A new method; Conflict when the code is taken."""
    if not await store.insert(tx, new_id(), code, values["kind"]):
        raise Conflict(f"there is a delivery method {code} already")
    return await _write(tx, code, values)


async def replace(tx: Transaction, code: str, values: dict[str, Any], if_match: int | None) -> asyncpg.Record:
    """The method becomes what is given."""
    await store.lock(tx, code)
    row = await store.by_code(tx, code)
    if row is None:
        raise NotFound
    check_version(row["version"], if_match)
    return await _write(tx, code, values)


async def _write(tx: Transaction, code: str, values: dict[str, Any]) -> asyncpg.Record:
    if values["account"] is not None and await accounts.by_code(tx, values["account"]) is None:
        raise Invalid("there is no such courier account", field="account")
    await store.update(tx, code, values)
    row = await store.by_code(tx, code)
    assert row is not None  # noqa: S101 - just written
    await tx.emit(DeliveryMethod(row["id"]), changed(row))
    return row
