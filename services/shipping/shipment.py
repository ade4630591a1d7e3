"""One consignment out of one depot, and how it is to be delivered."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from libs.contracts.common import Money, Quantity
from libs.contracts.orders import DeliveryKind
from libs.contracts.shipping import ShipmentLine, ShipmentSnapshot, ShipmentState
from services.shipping.planning import Lines


class Void(StrEnum):
    """Whether the courier has been asked to forget an AWB."""

    NO = "no"
    ASKED = "asked"
    TOO_LATE = "too_late"  # it will not: the parcel goes


class Ask(StrEnum):
    """What a courier is asked for."""

    BOOK = "book"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class Means:
    """How an order is to be delivered: what its delivery method says, or what its snapshot lets us guess."""

    kind: DeliveryKind
    courier: str
    account: str | None = None  # None: nobody to book with until a person names an account
    book_when_confirmed: bool = False


@dataclass(slots=True)
class Shipment:
    """Goods of one order out of one depot, in one consignment."""

    id: UUID
    depot: str
    kind: DeliveryKind
    courier: str
    account: str | None
    token: str  # names it on its public tracking page
    state: ShipmentState = ShipmentState.PLANNED
    status: str = "planned"
    lines: Lines = field(default_factory=dict)
    cash_on_delivery: Money | None = None
    weight_g: int = 0
    parcels: int = 1
    asked: bool = False  # a person asked for the AWB, whatever the method says
    bookings: int = 0
    void: Void = Void.NO
    sent_to: str | None = None  # a fingerprint of the address the courier was given
    awb: str | None = None
    link: str | None = None
    cost: Money | None = None  # what the courier says it will ask for it, without VAT
    failure: str | None = None
    dispatched_at: datetime | None = None
    delivered_at: datetime | None = None

    @property
    def live(self) -> bool:
        """Whether its goods are spoken for."""
        return self.state is not ShipmentState.CANCELLED

    def snapshot(self) -> ShipmentSnapshot:
        """As the world sees it."""
        return ShipmentSnapshot(
            id=self.id,
            depot=self.depot,
            courier=self.courier,
            state=self.state,
            status=self.status,
            awb=self.awb,
            link=self.link,
            lines=tuple(ShipmentLine(line_id=line, quantity=Quantity(n)) for line, n in sorted(self.lines.items())),
            cash_on_delivery=self.cash_on_delivery,
            dispatched_at=self.dispatched_at,
            delivered_at=self.delivered_at,
            failure=self.failure,
        )
