"""Who gets what: goods that can be promised, the depots that are asked for them, and the queue before an order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.inventory.catalogue.domain import Depots
from services.inventory.stock.domain import Place


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waiting orders of one channel want of one SKU."""

    channel: str
    sku: str
    quantity: int


@dataclass(slots=True)
class Pool:
    """What can still be promised, by place."""

    free: dict[Place, int] = field(default_factory=dict)

    def take(self, sku: str, quantity: int, depots: Sequence[str]) -> dict[str, int]:
        """Take up to `quantity` from the depots in their order; what was found, by depot."""
        found: dict[str, int] = {}
        for depot in depots:
            part = min(quantity, self.free.get(Place(sku, depot), 0))
            if part > 0:
                self.free[Place(sku, depot)] -= part
                found[depot] = part
                quantity -= part
        return found

    def total(self, sku: str, depots: Iterable[str]) -> int:
        """How much of a SKU these depots could promise together."""
        return sum(self.free.get(Place(sku, depot), 0) for depot in depots)

    def set_aside(self, queue: Iterable[Waiting], depots: Depots) -> None:
        """Take out what those want who stand before us: nobody is overtaken."""
        for each in queue:
            self.take(each.sku, each.quantity, depots.of(each.channel))

    def allocate(self, wanted: Mapping[str, int], depots: Sequence[str]) -> dict[str, dict[str, int]] | None:
        """Take all of `wanted` (by SKU), or nothing: by SKU and depot, or None where any is short."""
        if any(self.total(sku, depots) < quantity for sku, quantity in wanted.items()):
            return None
        return {sku: self.take(sku, quantity, depots) for sku, quantity in wanted.items()}


@dataclass(frozen=True, slots=True)
class Queued:
    """One waiting order, and all that it wants by SKU."""

    order_id: UUID
    channel: str
    wanted: Mapping[str, int]


def servable(pool: Pool, queue: Iterable[Queued], depots: Depots) -> list[UUID]:
    """Which waiting orders could be served now, oldest first; what an older one waits for is not the younger's."""
    found = []
    for order in queue:
        asked = depots.of(order.channel)
        if pool.allocate(order.wanted, asked) is not None:
            found.append(order.order_id)
        else:
            pool.set_aside((Waiting(order.channel, *each) for each in order.wanted.items()), depots)
    return found
