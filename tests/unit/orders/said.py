"""What a shop submits and what the other services say about it, for every test of orders."""

from typing import Any
from uuid import UUID

from libs.contracts.common import Money, Quantity
from libs.contracts.inventory import (
    ReservationLine,
    ReservationSnapshot,
    ReservationState,
    StockDeducted,
    StockFact,
    StockRejected,
    StockReleased,
    StockReserved,
    StockWaiting,
)
from libs.contracts.orders import DeliveryKind, PaymentKind
from libs.contracts.payments import (
    PaymentAuthorized,
    PaymentExpired,
    PaymentFact,
    PaymentFailed,
    PaymentMethodChanged,
    PaymentPending,
    PaymentReceived,
    PaymentRefunded,
    PaymentSnapshot,
    PaymentStatus,
)
from libs.contracts.shipping import (
    DeliveryMethodChanged,
    FulfilmentSnapshot,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFact,
    ShipmentKept,
    ShipmentLine,
    ShipmentLost,
    ShipmentReturned,
    ShipmentSnapshot,
    ShipmentState,
    ShipmentTracked,
)
from libs.events.transaction import new_id

ANA = {"id": "c-7", "name": "Ana Pop", "email": "Ana@Example.ro", "email_verified": True, "phone": "0712 345 678"}
HOME = {
    "country": "RO",
    "region": "Cluj",
    "city": "Cluj-Napoca",
    "postal_code": "400001",
    "street": "Str. Înfrățirii 7",
}

_STOCK: dict[ReservationState, type[StockFact]] = {
    ReservationState.RESERVED: StockReserved,
    ReservationState.WAITING: StockWaiting,
    ReservationState.REJECTED: StockRejected,
    ReservationState.RELEASED: StockReleased,
    ReservationState.DEDUCTED: StockDeducted,
}
_PAYMENT: dict[PaymentStatus, type[PaymentFact]] = {
    PaymentStatus.AWAITING: PaymentPending,
    PaymentStatus.AUTHORIZED: PaymentAuthorized,
    PaymentStatus.RECEIVED: PaymentReceived,
    PaymentStatus.FAILED: PaymentFailed,
    PaymentStatus.EXPIRED: PaymentExpired,
    PaymentStatus.REFUNDED: PaymentRefunded,
}
_SHIPMENT: dict[ShipmentState, type[ShipmentFact]] = {
    ShipmentState.BOOKED: ShipmentCreated,
    ShipmentState.DISPATCHED: ShipmentDispatched,
    ShipmentState.RETURNING: ShipmentTracked,
    ShipmentState.DELIVERED: ShipmentDelivered,
    ShipmentState.RETURNED: ShipmentReturned,
    ShipmentState.LOST: ShipmentLost,
}


def lei(amount: str) -> dict[str, str]:
    """An amount in RON as it stands on the wire."""
    return {"amount": amount, "currency": "RON"}


def submitted(**changes: Any) -> dict[str, Any]:
    """An order for two mugs at 25.00 and one plate at 40.00, paid by PayPal, sent by courier for 20.00."""
    order: dict[str, Any] = {
        "channel": "web",
        "external_id": "1001",
        "language": "ro",
        "currency": "RON",
        "customer": ANA,
        "shipping": HOME,
        "delivery_method": "courier",
        "payment_method": "paypal",
        "lines": [
            {"sku": "mug", "name": "Cană", "quantity": "2", "unit_price": lei("25.00"), "vat_rate": "21"},
            {"sku": "plate", "name": "Farfurie", "quantity": "1", "unit_price": lei("40.00"), "vat_rate": "21"},
        ],
        "totals": {
            "goods": lei("90.00"),
            "delivery": lei("20.00"),
            "charges": lei("0.00"),
            "discounts": lei("0.00"),
            "total": lei("110.00"),
        },
    }
    return order | changes


def delivery_method(code: str = "courier", **changes: Any) -> DeliveryMethodChanged:
    """A courier at 20.00, free from 500.00."""
    given: dict[str, Any] = {
        "id": new_id(),
        "version": 1,
        "code": code,
        "kind": DeliveryKind.COURIER,
        "courier": "own_fleet",
        "names": {"ro": "Curier"},
        "active": True,
        "price": Money.parse("20.00", "RON"),
        "free_from": Money.parse("500.00", "RON"),
    }
    return DeliveryMethodChanged(**given | changes)


def payment_method(
    code: str = "paypal", kind: PaymentKind = PaymentKind.PAYPAL, **changes: Any
) -> PaymentMethodChanged:
    """PayPal, which keeps goods reserved for an hour."""
    given: dict[str, Any] = {
        "id": new_id(),
        "version": 1,
        "code": code,
        "kind": kind,
        "names": {"ro": code},
        "active": True,
        "reserve_for_minutes": 60,
    }
    return PaymentMethodChanged(**given | changes)


class Said:
    """What the other services say about one order; each call is a newer version unless one is given."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.reservation, self.payment, self.fulfilment = new_id(), new_id(), new_id()
        self.shipments = {depot: new_id() for depot in ("main", "second")}
        self.versions = dict.fromkeys(("stock", "payment", "fulfilment"), 0)

    def _version(self, axis: str, given: int | None) -> int:
        self.versions[axis] = given or self.versions[axis] + 1
        return self.versions[axis]

    def stock(self, state: str, *, in_round: int = 1, version: int | None = None) -> StockFact:
        """Inventory about the reservation."""
        kept = ReservationState(state)
        held = kept in {ReservationState.RESERVED, ReservationState.DEDUCTED}
        lines = [
            ReservationLine(
                line_id=UUID(line["id"]),
                sku=line["sku"],
                wanted=Quantity.parse(line["quantity"]),
                allocations={"main": Quantity.parse(line["quantity"])} if held else {},
            )
            for line in self.order["lines"]
        ]
        reservation = ReservationSnapshot(
            id=self.reservation,
            order_id=UUID(self.order["id"]),
            version=self._version("stock", version),
            round=in_round,
            order_version=1,
            state=kept,
            lines=tuple(lines),
        )
        return _STOCK[kept](reservation=reservation)

    def money(self, status: str, *, version: int | None = None, **members: Any) -> PaymentFact:
        """Payments about the payment."""
        kept = PaymentStatus(status)
        amount = Money.parse(self.order["totals"]["total"]["amount"], "RON")
        zero = Money.zero("RON")
        given: dict[str, Any] = {
            "id": self.payment,
            "order_id": UUID(self.order["id"]),
            "version": self._version("payment", version),
            "round": 1,
            "order_version": 1,
            "method": self.order["payment_method"] or "external",
            "kind": self.order["payment_kind"] or "external",
            "status": kept,
            "amount": amount,
            "authorized": zero,
            "received": amount if kept is PaymentStatus.RECEIVED else zero,
            "refunded": zero,
            "disputed": zero,
        }
        return _PAYMENT[kept](payment=PaymentSnapshot(**given | members))

    def shipment(self, state: str, depot: str = "main", skus: tuple[str, ...] | None = None) -> ShipmentSnapshot:
        """A shipment with all of these lines."""
        lines = [line for line in self.order["lines"] if skus is None or line["sku"] in skus]
        return ShipmentSnapshot(
            id=self.shipments[depot],
            depot=depot,
            courier="own_fleet",
            state=ShipmentState(state),
            status=state,
            awb=None if state in {"planned", "cancelled"} else f"OWN{depot}",
            link=f"https://shop.example/track/{depot}",
            lines=tuple(ShipmentLine(line_id=UUID(x["id"]), quantity=Quantity.parse(x["quantity"])) for x in lines),
        )

    def parcels(
        self,
        *shipments: ShipmentSnapshot | str,
        answers: str | None = None,
        version: int | None = None,
    ) -> ShipmentFact:
        """Shipping about all its shipments; `answers`: a cancel request."""
        found = tuple(self.shipment(s) if isinstance(s, str) else s for s in shipments)
        fulfilment = FulfilmentSnapshot(
            id=self.fulfilment,
            order_id=UUID(self.order["id"]),
            version=self._version("fulfilment", version),
            order_version=1,
            shipments=found,
            answered_cancel=UUID(answers) if answers else None,
        )
        if answers:
            kind = ShipmentCancelled if all(s.state == ShipmentState.CANCELLED for s in found) else ShipmentKept
            return kind(fulfilment=fulfilment)
        state = ShipmentState(found[0].state)
        return _SHIPMENT.get(state, ShipmentTracked)(fulfilment=fulfilment, shipment_id=found[0].id)
