"""Commands about payment methods; each tells the whole row."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.orders import PaymentKind
from libs.contracts.payments import PaymentMethodChanged
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid, NotFound
from services.payments.methods import store
from services.payments.providers import currencies


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """The row as what emits."""

    __tablename__: ClassVar[str] = "payment_method"
    noun: ClassVar[str] = "payment_method"
    id: UUID


async def create(tx: Transaction, method: dict[str, Any]) -> PaymentMethodChanged:
    """A new way to pay; Conflict where the code is taken."""
    _check(method)
    row = await store.add(tx, new_id(), method)
    if row is None:
        raise Conflict("there is a payment method of this code already", field="code")
    return await _told(tx, row)


async def change(tx: Transaction, code: str, method: dict[str, Any], if_match: int | None) -> PaymentMethodChanged:
    """Another state of a method; its kind stays, because payments were opened with it."""
    row = await store.locked(tx, code)
    if row is None:
        raise NotFound("there is no such payment method")
    check_version(row["version"], if_match)
    if (method["code"], method["kind"]) != (row["code"], row["kind"]):
        raise Conflict("code and kind of a payment method stay as they are", field="kind")
    _check(method)
    return await _told(tx, await store.replace(tx, row["id"], method))


def _check(method: dict[str, Any]) -> None:
    if method["kind"] != PaymentKind.PAYPAL:
        if method["intent"] != "capture":
            raise Invalid("only a provider can promise money first", field="intent")
        return
    if not method["currencies"]:
        raise Invalid("name the currencies: PayPal does not take every one", field="currencies")
    for place, currency in enumerate(method["currencies"]):
        if currency not in currencies.TAKEN:
            raise Invalid(f"PayPal does not take {currency}", field=f"currencies[{place}]")


async def _told(tx: Transaction, row: store.Row) -> PaymentMethodChanged:
    fact = fact_of(row)
    await tx.emit(PaymentMethod(row["id"]), fact)
    return fact


def fact_of(row: store.Row) -> PaymentMethodChanged:
    """The full row as everybody may know it."""
    fee = Money(row["fee_minor"], row["fee_currency"]) if row["fee_minor"] is not None else None
    return PaymentMethodChanged(
        id=row["id"],
        version=row["version"],
        code=row["code"],
        kind=PaymentKind(row["kind"]),
        names=row["names"],
        active=row["active"],
        currencies=tuple(row["currencies"]),
        companies_only=row["companies_only"],
        fee=fee,
        reserve_for_minutes=row["reserve_for_minutes"],
        delivery_kinds=tuple(row["delivery_kinds"]),
    )
