"""What orders says of the statuses that a shop invented: which one an order got, and what is to be done about it."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.contracts.orders import OrderFact
from libs.events.contract import Part, known


class StatusType(StrEnum):
    """What a status means to the system; a type acts only through the order's own state machine."""

    NEW = "new"
    PROCESSING = "processing"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    READY_TO_SHIP = "ready_to_ship"  # asks for the parcel: order.ready
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    COMPLETED = "completed"  # asks to complete
    CANCELLED = "cancelled"  # asks to cancel
    RETURNED = "returned"
    CUSTOM = "custom"


class StatusTrack(StrEnum):
    """What a status is about; one stands per track."""

    ORDER = "order"
    PAYMENT = "payment"
    SHIPPING = "shipping"


class StatusActions(Part):
    """What happens when the status is applied: its defaults, or what the operator chose for this use."""

    publish: bool = False
    mail: bool = False
    sms: bool = False
    invoice: bool = False


class StatusText(Part):
    """What the customer is told, in their language, with `{variables}` not filled in yet (libs/service/texts.py)."""

    language: str  # BCP 47: the one of the order, or the nearest that the status has
    name: str
    message: str | None = None
    sms: str | None = None


class StatusChanged(OrderFact):
    """An order got a status. `published`: the customer may see it; `actions`: what is to be done about it.

    Nothing internal stands here: no mnemonic, no operator's name but the envelope's actor. What the operator wrote to
    the customer for this use is `person.comment`.
    """

    topic: ClassVar[str] = "status.changed"
    entry: UUID
    status: UUID  # the definition
    type: known(StatusType)  # type: ignore[valid-type]
    track: known(StatusTrack)  # type: ignore[valid-type]
    colour: str  # #rrggbb
    text: StatusText
    published: bool
    actions: StatusActions
    previous: UUID | None = None  # the definition that stood on this track before
    applied_at: datetime
