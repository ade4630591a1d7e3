"""An order that never was: for trying texts out."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Address, Money, Person, Quantity
from libs.contracts.orders import (
    Awb,
    CancelReason,
    ChannelChanged,
    DeliveryKind,
    FulfilmentAxis,
    GiveBack,
    Lifecycle,
    LineSnapshot,
    OrderCancelled,
    OrderCreated,
    OrderFact,
    OrderHeld,
    OrderOverdue,
    OrderShipped,
    OrderSnapshot,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.contracts.payments import PaymentSnapshot, PaymentStatus

ID = UUID("0198a0c0-0000-7000-8000-000000000001")
PLACED = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_NAMES = {"ro": "Ana Țepeș", "it": "Anna Bianchi", "fr": "Anne Lefèvre"}


def channel(code: str = "web") -> ChannelChanged:
    """A shop."""
    return ChannelChanged(
        id=ID, version=1, code=code, name="Bottega", kind="web", seller="bottega", seller_name="Bottega",
        languages=("en",), currency="RON", time_zone="Europe/Bucharest", depots=(),
    )  # fmt: skip


def person(language: str, comment: str | None) -> Person:
    """A customer."""
    where = Address(country="RO", city="Săcele", street="Str. Înfrățirii 5", postal_code="505600")
    name = _NAMES.get(language, "Ann Baker")
    return Person(name=name, email="ana@example.com", shipping=where, billing=where, comment=comment, tracking="sample")


def order(shop: ChannelChanged, language: str) -> OrderSnapshot:
    """An order of two mugs."""
    given: dict[str, Any] = dict.fromkeys(("charges", "discounts", "due_on_delivery"), Money(0, shop.currency))
    line = LineSnapshot(
        id=ID, sku="MUG-01", name="Mug", unit="pcs", ordered=Quantity(2000), shipped=Quantity(2000),
        unit_price=Money(4550, shop.currency), total=Money(9100, shop.currency),
    )  # fmt: skip
    awb = Awb(awb="2000012345678", courier="fan", shipment_id=ID, link="https://courier.example/2000012345678")
    return OrderSnapshot(
        id=ID, number="RO-2026-000123", version=1, channel=shop.code, language=language, placed_at=PLACED,
        lifecycle=Lifecycle.CONFIRMED, stock=StockAxis.RESERVED, payment=PaymentAxis.RECEIVED,
        fulfilment=FulfilmentAxis.SHIPPED, currency=shop.currency, goods=Money(9100, shop.currency),
        delivery=Money(1500, shop.currency), total=Money(10600, shop.currency), payment_kind=PaymentKind.PAYPAL,
        delivery_kind=DeliveryKind.COURIER, awbs=(awb,), lines=(line,), **given,
    )  # fmt: skip


def fact(kind: str, shop: ChannelChanged, language: str, comment: str | None = None) -> OrderFact:
    """What asks for a letter of this kind."""
    said: dict[str, Any] = {"order": order(shop, language), "person": person(language, comment)}
    match kind:
        case "shipped":
            return OrderShipped(**said, shipment_id=ID, depot="main")
        case "cancelled":
            return OrderCancelled(**said, reason=CancelReason.SHOP, give_back=GiveBack.ALL)
        case "overdue":
            return OrderOverdue(**said, kind="payment", due_at=PLACED)
        case "held":
            return OrderHeld(**said, kind="loss", reason="-12.30 RON")
        case _:
            return OrderCreated(**said)


def payment(shop: ChannelChanged) -> PaymentSnapshot:
    """A transfer that is awaited."""
    amounts: dict[str, Any] = dict.fromkeys(("authorized", "received", "refunded", "disputed"), Money(0, shop.currency))
    return PaymentSnapshot(
        id=ID, order_id=ID, version=1, round=1, order_version=1, method="transfer", kind=PaymentKind.TRANSFER,
        status=PaymentStatus.AWAITING, amount=Money(10600, shop.currency), reference="RF18RO2026000123",
        expires_at=PLACED, **amounts,
    )  # fmt: skip
