"""Shipments and fulfilments as the API shows them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.common import Money, Quantity
from libs.contracts.shipping import ShipmentState
from services.shipping.domain import Fulfilment
from services.shipping.shipment import Shipment


class ShipmentLineOut(BaseModel):
    """How much of an order's line is in the shipment."""

    line_id: UUID
    quantity: Quantity


class ShipmentOut(BaseModel):
    """A consignment out of one depot; `awb` and `link` once the courier took the booking."""

    id: UUID
    order_id: UUID
    depot: str
    kind: str
    courier: str
    account: str | None
    state: ShipmentState
    status: str
    awb: str | None
    link: str | None
    lines: list[ShipmentLineOut]
    parcels: int
    weight_g: int
    cash_on_delivery: Money | None
    cost: Money | None
    failure: str | None
    dispatched_at: datetime | None
    delivered_at: datetime | None

    @classmethod
    def of(cls, shipment: Shipment, order_id: UUID) -> Self:
        """As it stands."""
        return cls(
            order_id=order_id,
            lines=[ShipmentLineOut(line_id=line, quantity=Quantity(n)) for line, n in sorted(shipment.lines.items())],
            **{name: getattr(shipment, name) for name in _SAME},
        )


_SAME = ("id", "depot", "kind", "courier", "account", "state", "status", "awb", "link", "parcels", "weight_g",
         "cash_on_delivery", "cost", "failure", "dispatched_at", "delivered_at")  # fmt: skip


class TrackingEventOut(BaseModel):
    """Something a courier said: its own code and words, and what they mean."""

    code: str
    status: str
    text: str
    location: str
    occurred_at: datetime
    source: str


class ShipmentDetail(ShipmentOut):
    """A shipment with everything said about its way, oldest first."""

    events: list[TrackingEventOut] = []


class FulfilmentOut(BaseModel):
    """All that shipping does for one order."""

    id: UUID
    order_id: UUID
    version: int
    answered_cancel: UUID | None
    shipments: list[ShipmentOut]

    @classmethod
    def of(cls, fulfilment: Fulfilment) -> Self:
        """As it stands."""
        return cls(
            id=fulfilment.id,
            order_id=fulfilment.order_id,
            version=fulfilment.version,
            answered_cancel=fulfilment.answered_cancel,
            shipments=[ShipmentOut.of(each, fulfilment.order_id) for each in fulfilment.shipments],
        )
