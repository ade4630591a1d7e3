"""What inventory says: reservations as orders must know them, levels, availability and items."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from libs.contracts.common import Money, Quantity
from libs.events.contract import Event, Part, known


class ReservationState(StrEnum):
    """How a reservation stands."""

    WAITING = "waiting"
    RESERVED = "reserved"
    REJECTED = "rejected"
    RELEASED = "released"
    DEDUCTED = "deducted"  # everything of it has left


class ReservationLine(Part):
    """What is held for one line, by depot."""

    line_id: UUID
    sku: str
    wanted: Quantity
    allocations: dict[str, Quantity] = Field(default_factory=dict)  # depot code -> held or already deducted there
    deducted: Quantity = Quantity(0)
    short: Quantity = Quantity(0)  # missing, where the state is waiting or rejected


class ReservationSnapshot(Part):
    """The one reservation of an order, as of `version`."""

    id: UUID
    order_id: UUID
    version: int
    round: int  # the order's round this answers
    order_version: int  # the newest order snapshot it has seen
    state: known(ReservationState)  # type: ignore[valid-type]
    lines: tuple[ReservationLine, ...]


class StockFact(Event):
    """A fact about an order's reservation."""

    reservation: ReservationSnapshot

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.reservation.order_id)


class StockReserved(StockFact):
    """All that the order wants is held for it."""

    topic: ClassVar[str] = "stock.reserved"


class StockWaiting(StockFact):
    """Not all is there; the order waits and is served, oldest first, when goods come."""

    topic: ClassVar[str] = "stock.waiting"


class StockRejected(StockFact):
    """Not all is there, and the order may not wait; nothing is held."""

    topic: ClassVar[str] = "stock.rejected"


class StockReleased(StockFact):
    """Nothing is held for the order any more."""

    topic: ClassVar[str] = "stock.released"


class StockDeducted(StockFact):
    """Goods of the order have left on hand."""

    topic: ClassVar[str] = "stock.deducted"


class StockChanged(Event):
    """A level of one SKU in one depot."""

    topic: ClassVar[str] = "stock.changed"
    id: UUID
    version: int
    sku: str
    depot: str
    on_hand: Quantity
    reserved: Quantity
    buffer: Quantity
    available: Quantity  # never below zero

    @property
    def key(self) -> str:
        """`sku@depot`."""
        return f"{self.sku}@{self.depot}"


class AvailabilityPublished(Event):
    """What a channel may sell of one SKU, over its depots."""

    topic: ClassVar[str] = "availability.published"
    id: UUID
    version: int
    channel: str
    sku: str
    available: Quantity

    @property
    def key(self) -> str:
        """`sku@channel`."""
        return f"{self.sku}@{self.channel}"


class ItemChanged(Event):
    """An item: the full row."""

    topic: ClassVar[str] = "item.changed"
    compacted: ClassVar[bool] = True
    id: UUID
    version: int
    sku: str
    name: str
    ean: str | None = None
    unit: str = "pcs"
    weight_g: int | None = None
    unit_cost: Money | None = None
    archived: bool = False

    @property
    def key(self) -> str:
        """The row's id."""
        return str(self.id)
