"""What a channel may sell of a SKU, and how that number comes about: a list of entries whose sum it is."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.contracts.common import Quantity
from libs.contracts.inventory import AvailabilityPublished
from services.inventory.catalogue.domain import Depots
from services.inventory.reservations.pool import Pool, Waiting
from services.inventory.stock.domain import Holder, Level


@dataclass(slots=True)
class Published:
    """An `availability` row."""

    __tablename__: ClassVar[str] = "availability"
    noun: ClassVar[str] = "availability"
    id: UUID
    channel: str
    sku: str
    available: int
    version: int

    def fact(self) -> AvailabilityPublished:
        """As the world is told; what the database held is not checked again."""
        return AvailabilityPublished.model_construct(
            id=self.id, version=self.version, channel=self.channel, sku=self.sku, available=Quantity(self.available)
        )


class Why(StrEnum):
    """Kinds of entries."""

    ON_HAND = "on_hand"
    BUFFER = "buffer"
    RESERVATION = "reservation"
    OTHER_RESERVATIONS = "other_reservations"  # those too many to list
    NOT_BELOW_ZERO = "not_below_zero"  # a depot where more is promised or kept back than there is counts as empty
    WAITING = "waiting"  # set aside for orders that wait


@dataclass(frozen=True, slots=True)
class Entry:
    """One summand, signed."""

    why: Why
    quantity: int
    depot: str | None = None
    order_id: UUID | None = None
    number: str | None = None


def sellable(
    levels: Iterable[Level], queue: Sequence[Waiting], depots: Depots, channels: Collection[str]
) -> dict[tuple[str, str], int]:
    """What each channel may sell of each SKU that has levels, by (channel, SKU).

    The same rule by which a new order is served: what is available in the channel's depots, after those who wait.
    """
    pool = Pool({level.place: level.available for level in levels})
    skus = {place.sku for place in pool.free}
    pool.set_aside(queue, depots)
    return {(channel, sku): pool.total(sku, depots.of(channel)) for channel in channels for sku in skus}


def explained(
    levels: Sequence[Level],
    holders: dict[str, list[Holder]],
    queue: Sequence[Waiting],
    depots: Sequence[str],
    left: int,
) -> list[Entry]:
    """The entries whose sum is `left`, what these depots may sell of one SKU; `holders` by depot."""
    entries = []
    total = 0
    for level in sorted(
        (level for level in levels if level.depot in depots), key=lambda each: depots.index(each.depot)
    ):
        entries.append(Entry(Why.ON_HAND, level.on_hand, level.depot))
        if level.buffer:
            entries.append(Entry(Why.BUFFER, -level.buffer, level.depot))
        listed = holders.get(level.depot, [])
        entries += [Entry(Why.RESERVATION, -h.held, level.depot, h.order_id, h.number) for h in listed]
        if rest := level.reserved - sum(holder.held for holder in listed):
            entries.append(Entry(Why.OTHER_RESERVATIONS, -rest, level.depot))
        if below := level.available - (level.on_hand - level.reserved - level.buffer):
            entries.append(Entry(Why.NOT_BELOW_ZERO, below, level.depot))
        total += level.available
    if queue and total != left:
        entries.append(Entry(Why.WAITING, left - total))
    return entries
