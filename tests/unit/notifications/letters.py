"""Orders, shops and people for letters; each call a new order."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Address, Company, Money, Person, PickupPoint, Quantity
from libs.contracts.orders import (
    Awb,
    ChannelChanged,
    DeliveryKind,
    FulfilmentAxis,
    Lifecycle,
    LineSnapshot,
    OrderSnapshot,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.contracts.payments import PaymentPending, PaymentSnapshot, PaymentStatus
from libs.events.transaction import new_id

PLACED = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
ANA = Person(
    name="Ana Țepeș",
    email="ana@example.org",
    phone="0722123456",
    shipping=Address(country="RO", region="Brașov", city="Săcele", postal_code="505600", street="Str. Înfrățirii 5"),
    billing=Address(country="FR", city="Évry", postal_code="91000", street="3 rue de l’Église"),
    company=Company(name="Țuca SRL", vat_id="RO123456"),
    delivery_note="Sunați înainte",
)


def lei(minor: int) -> Money:
    return Money(minor, "RON")


def a_line(name: str = "Cană ceramică", quantity: str = "2", **more: Any) -> LineSnapshot:
    given: dict[str, Any] = {
        "id": new_id(), "sku": "MUG-01", "name": name, "unit": "pcs", "unit_price": lei(4550), "total": lei(9100),
        "ordered": Quantity.parse(quantity),
    }  # fmt: skip
    return LineSnapshot(**(given | more))


def an_order(**more: Any) -> OrderSnapshot:
    given: dict[str, Any] = {
        "id": new_id(), "number": "RO-2026-000123", "version": 1, "channel": "web", "language": "ro",
        "placed_at": PLACED, "lifecycle": Lifecycle.OPEN, "stock": StockAxis.PENDING, "payment": PaymentAxis.PENDING,
        "fulfilment": FulfilmentAxis.NONE, "currency": "RON", "goods": lei(9100), "delivery": lei(1500),
        "charges": lei(0), "discounts": lei(600), "total": lei(10000), "due_on_delivery": lei(0),
        "delivery_kind": DeliveryKind.COURIER, "payment_kind": PaymentKind.PAYPAL, "lines": (a_line(),),
    }  # fmt: skip
    return OrderSnapshot(**(given | more))


def a_channel(**more: Any) -> ChannelChanged:
    given: dict[str, Any] = {
        "id": new_id(), "version": 1, "code": "web", "name": "Prăvălia", "kind": "web", "seller": "pravalia",
        "seller_name": "Prăvălia SRL", "languages": ("ro", "en"), "currency": "RON", "time_zone": "Europe/Bucharest",
        "depots": ("main",), "shop_url": "https://pravalia.example",
    }  # fmt: skip
    return ChannelChanged(**(given | more))


def an_awb(shipment: UUID, awb: str = "2000012345678") -> Awb:
    return Awb(awb=awb, courier="fan", shipment_id=shipment, link=f"https://track.example/{awb}")


def a_locker() -> PickupPoint:
    return PickupPoint(id="L7", name="Easybox Piața Unirii", address="Piața Unirii 1, Cluj-Napoca")


def a_transfer(order: UUID, **more: Any) -> PaymentPending:
    given: dict[str, Any] = {
        "id": new_id(), "order_id": order, "version": 1, "round": 1, "order_version": 1, "method": "transfer",
        "kind": PaymentKind.TRANSFER, "status": PaymentStatus.AWAITING, "amount": lei(10000), "authorized": lei(0),
        "received": lei(0), "refunded": lei(0), "disputed": lei(0), "reference": "RF18RO2026000123",
        "expires_at": datetime(2026, 11, 25, 12, 0, tzinfo=UTC),
    }  # fmt: skip
    return PaymentPending(payment=PaymentSnapshot(**(given | more)))
