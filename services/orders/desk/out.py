"""An order whole: everything that was submitted, and everything that has happened since."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.common import Address, Company, Money, PickupPoint, Quantity
from libs.contracts.orders import DeliveryKind, GiveBack, LineSnapshot, OrderSnapshot, PaymentKind
from libs.contracts.payments import PaymentSnapshot
from libs.contracts.shipping import ShipmentSnapshot
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.out import HoldOut, SummaryOut


class LineOut(BaseModel):
    """A line as it was agreed, and how far each piece of it is."""

    id: UUID
    position: int
    sku: str
    ean: str | None
    name: str
    options: dict[str, str]
    category: str | None
    image_url: str | None
    quantity: Quantity
    unit: str
    unit_price: Money
    discount: Money
    promotion: str | None
    vat_rate: str | None
    weight_g: int | None
    unit_cost: Money | None
    components: list[dict[str, Any]]
    attributes: dict[str, str]
    ships: bool
    total: Money
    cut: Quantity
    shipped: Quantity
    returned: Quantity
    allocations: dict[str, Quantity]

    @classmethod
    def of(cls, row: dict[str, Any], line: LineSnapshot) -> "LineOut":
        """From its row and the order's snapshot."""
        currency = line.total.currency
        return cls.model_validate(
            row
            | {name: Money(row[name], currency) for name in ("unit_price", "discount", "total")}
            | {"quantity": line.ordered, "cut": line.cut, "shipped": line.shipped, "returned": line.returned}
            | {"allocations": line.allocations}
        )


class AdjustmentOut(BaseModel):
    """A charge or a discount."""

    kind: str
    code: str | None
    name: str | None
    amount: Money
    vat_rate: str | None


class TotalsOut(BaseModel):
    """What the customer was shown."""

    goods: Money
    delivery: Money
    charges: Money
    discounts: Money
    total: Money


class CustomerOut(BaseModel):
    """Who ordered, as submitted."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    email_verified: bool = False
    phone: str | None = None


class StuckOut(BaseModel):
    """What stands still somewhere because of it."""

    service: str
    kind: str | None
    what: str | None
    since: datetime | None
    next_try: datetime | None


class MoneyOut(BaseModel):
    """Whether its money was received, when, how much, and the provider's id for it."""

    received: bool
    amount: Money | None
    at: datetime | None
    provider: str | None
    provider_ref: str | None


class OrderOut(SummaryOut):
    """An order whole."""

    language: str
    currency: str
    taken_at: datetime
    taken_by: str
    round: int
    ready: bool
    give_back: GiveBack | None
    reserve_until: datetime | None
    totals: TotalsOut
    due: Money  # the total, less what was cut
    due_on_delivery: Money
    customer: CustomerOut | None
    company: Company | None
    fiscal_ids: dict[str, str]
    billing: Address | None
    shipping: Address | None
    delivery_note: str | None
    gift_note: str | None
    delivery_method: str | None
    delivery_kind: DeliveryKind | None
    payment_method: str | None
    payment_kind: PaymentKind | None
    pickup_point: PickupPoint | None
    attributes: dict[str, str]
    referers: list[str]
    lines: list[LineOut]
    charges: list[AdjustmentOut]
    discounts: list[AdjustmentOut]
    held: list[HoldOut]
    stuck: list[StuckOut]
    money: MoneyOut
    payments: list[PaymentSnapshot]
    shipments: list[ShipmentSnapshot]


def totals_of(order: Order) -> TotalsOut:
    """As agreed."""
    names = ("goods", "delivery", "charges", "discounts", "total")
    return TotalsOut(**{name: Money(getattr(order, name), order.currency) for name in names})


def money_of(payments: Sequence[PaymentSnapshot]) -> MoneyOut:
    """The newest money that is here."""
    here = [payment for payment in payments if payment.received.minor > 0]
    if not here:
        return MoneyOut(received=False, amount=None, at=None, provider=None, provider_ref=None)
    found = max(here, key=lambda payment: (payment.received_at is not None, payment.received_at, payment.id))
    return MoneyOut(
        received=True,
        amount=found.received,
        at=found.received_at,
        provider=found.provider,
        provider_ref=found.provider_ref,
    )


def order_out(order: Order, row: dict[str, Any], lines: Any, adjustments: Any, stuck: Any) -> OrderOut:
    """From an order and what else its rows hold."""
    told: OrderSnapshot = order.snapshot()
    person = order.person
    by_sign: dict[str, list[AdjustmentOut]] = {"charge": [], "discount": []}
    for each in adjustments:
        amount = Money(each["amount"], order.currency)
        by_sign[each["sign"]].append(AdjustmentOut.model_validate({**each} | {"amount": amount}))
    payments = list(order.heard.payments.values())
    return OrderOut(
        **SummaryOut.of_order(order).model_dump(),
        language=order.language,
        currency=order.currency,
        taken_at=row["taken_at"],
        taken_by=row["taken_by"],
        round=order.round,
        ready=order.ready,
        give_back=order.give_back,
        reserve_until=order.reserve_until,
        totals=totals_of(order),
        due=told.total,
        due_on_delivery=told.due_on_delivery,
        customer=CustomerOut.model_validate(row["customer"]) if row["customer"] else None,
        company=person.company if person else None,
        fiscal_ids=person.fiscal_ids if person else {},
        billing=person.billing if person else None,
        shipping=person.shipping if person else None,
        delivery_note=person.delivery_note if person else None,
        gift_note=person.gift_note if person else None,
        delivery_method=order.delivery_method,
        delivery_kind=order.delivery_kind,
        payment_method=order.payment_method,
        payment_kind=order.payment_kind,
        pickup_point=order.pickup_point,
        attributes=row["attributes"],
        referers=list(row["referers"]),
        lines=[LineOut.of(dict(given), line) for given, line in zip(lines, told.lines, strict=True)],
        charges=by_sign["charge"],
        discounts=by_sign["discount"],
        held=[HoldOut.model_validate(hold, from_attributes=True) for hold in order.holds],
        stuck=[StuckOut.model_validate({**each}) for each in stuck],
        money=money_of(payments),
        payments=payments,
        shipments=list(order.heard.shipments),
    )
