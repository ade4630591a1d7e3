"""What shipping says: an order's fulfilment with all its shipments, and the delivery methods."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.contracts.common import Money, Quantity
from libs.contracts.orders import DeliveryKind
from libs.events.contract import Event, Part, known


class ShipmentState(StrEnum):
    """How a shipment stands; parcels only move forward."""

    PLANNED = "planned"
    BOOKING = "booking"  # the courier is being asked, or its answer is not known
    BOOKED = "booked"  # an AWB exists
    FAILED = "failed"  # the courier refused; waits for a person
    DISPATCHED = "dispatched"  # picked up by the courier
    DELIVERED = "delivered"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"


class ShipmentLine(Part):
    """How much of a line is in a shipment."""

    line_id: UUID
    quantity: Quantity


class ShipmentSnapshot(Part):
    """One shipment out of one depot."""

    id: UUID
    depot: str
    courier: str
    state: known(ShipmentState)  # type: ignore[valid-type]
    status: (
        str  # the normalised tracking status: created, picked_up, in_transit, out_for_delivery, ready_for_pickup, ...
    )
    awb: str | None = None
    link: str | None = None  # where a customer can follow it
    lines: tuple[ShipmentLine, ...]
    cash_on_delivery: Money | None = None
    dispatched_at: datetime | None = None
    delivered_at: datetime | None = None
    failure: str | None = None  # why the courier refused


class FulfilmentSnapshot(Part):
    """Everything shipping has planned, booked and moved for one order, as of `version`."""

    id: UUID
    order_id: UUID
    version: int
    order_version: int  # the newest order snapshot it has seen
    shipments: tuple[ShipmentSnapshot, ...] = ()
    answered_cancel: UUID | None = None  # the order's cancel request this answers; what is not cancelled was kept


class ShipmentFact(Event):
    """A fact about the fulfilment of an order; `shipment_id` names the shipment it is about, where it is about one."""

    fulfilment: FulfilmentSnapshot
    shipment_id: UUID | None = None

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.fulfilment.order_id)


class ShipmentCreated(ShipmentFact):
    """A courier took the booking: there is an AWB."""

    topic: ClassVar[str] = "shipment.created"


class ShipmentDispatched(ShipmentFact):
    """The courier has the parcel."""

    topic: ClassVar[str] = "shipment.dispatched"


class ShipmentTracked(ShipmentFact):
    """The parcel moved on its way."""

    topic: ClassVar[str] = "shipment.tracked"


class ShipmentDelivered(ShipmentFact):
    """The customer has the parcel."""

    topic: ClassVar[str] = "shipment.delivered"


class ShipmentFailed(ShipmentFact):
    """The courier refused the booking; a person must mend it."""

    topic: ClassVar[str] = "shipment.failed"


class ShipmentLost(ShipmentFact):
    """The courier lost the parcel."""

    topic: ClassVar[str] = "shipment.lost"


class ShipmentReturned(ShipmentFact):
    """The parcel came back to the depot."""

    topic: ClassVar[str] = "shipment.returned"


class ShipmentCancelled(ShipmentFact):
    """A cancel was asked for and everything could be stopped; also said where nothing was planned."""

    topic: ClassVar[str] = "shipment.cancelled"


class ShipmentKept(ShipmentFact):
    """A cancel was asked for and something could not be stopped."""

    topic: ClassVar[str] = "shipment.kept"


class DeliveryMethodChanged(Event):
    """A delivery method: the full row."""

    topic: ClassVar[str] = "delivery_method.changed"
    compacted: ClassVar[bool] = True
    id: UUID
    version: int
    code: str
    kind: known(DeliveryKind)  # type: ignore[valid-type]
    courier: str
    names: dict[str, str]  # language -> name
    active: bool
    price: Money | None = None  # flat, VAT included; None: free
    free_from: Money | None = None  # goods total from which delivery is free
    countries: tuple[str, ...] = ()  # empty: any
    book_when_confirmed: bool = True
    companies_only: bool = False

    @property
    def key(self) -> str:
        """The row's id."""
        return str(self.id)
