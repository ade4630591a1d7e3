"""One line of an order: what it wants, and what is held for it, has left and came back, by depot."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.common import Quantity
from libs.contracts.inventory import ReservationLine
from libs.contracts.orders import LineSnapshot
from services.inventory.stock.domain import Place


class What(StrEnum):
    """What a reservation asks of a level."""

    RESERVE = "reserve"
    RELEASE = "release"
    DEDUCT = "deduct"
    TAKE_BACK = "take_back"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do to one level; `held`: how much of a deduction had been promised there."""

    what: What
    place: Place
    quantity: int
    held: int = 0
    source: str = ""


@dataclass(slots=True)
class Share:
    """What one line has in one depot: held now; gone, and come back, so far."""

    reserved: int = 0
    deducted: int = 0
    returned: int = 0


@dataclass(slots=True)
class Line:
    """What one line of the order wants and has."""

    id: UUID
    place: int
    sku: str
    wanted: int = 0
    short: int = 0
    shares: dict[str, Share] = field(default_factory=dict)

    @property
    def held(self) -> int:
        """Promised now, over all depots."""
        return sum(share.reserved for share in self.shares.values())

    @property
    def deducted(self) -> int:
        """Gone so far, over all depots."""
        return sum(share.deducted for share in self.shares.values())

    @property
    def missing(self) -> int:
        """Wanted, but neither held nor gone."""
        return max(0, self.wanted - self.deducted - self.held)

    def share(self, depot: str) -> Share:
        """Its share in a depot."""
        return self.shares.setdefault(depot, Share())

    def _so_far(self, depot: str) -> Share:
        return self.shares.get(depot, Share())

    def follow(self, given: LineSnapshot, order_id: UUID) -> list[Change]:
        """Take in what has left and what came back, cumulative by depot; each piece is taken once."""
        changes = []
        for depot, quantity in sorted(given.shipped_from.items()):
            if (new := quantity - self._so_far(depot).deducted) > 0:
                share = self.share(depot)
                held = min(new, share.reserved)
                share.reserved -= held
                share.deducted = quantity
                source = f"order/{order_id}/{self.id}/shipped/{quantity:d}"
                changes.append(Change(What.DEDUCT, Place(self.sku, depot), new, held, source))
        for depot, quantity in sorted(given.returned_to.items()):
            if (new := quantity - self._so_far(depot).returned) > 0:
                self.share(depot).returned = quantity
                source = f"order/{order_id}/{self.id}/returned/{quantity:d}"
                changes.append(Change(What.TAKE_BACK, Place(self.sku, depot), new, source=source))
        return changes

    def release(self, keep: int) -> list[Change]:
        """Let go of what is held beyond `keep`, from the last depot first."""
        changes = []
        excess = self.held - keep
        for depot, share in sorted(self.shares.items(), reverse=True):
            part = min(excess, share.reserved)
            if part > 0:
                share.reserved -= part
                excess -= part
                changes.append(Change(What.RELEASE, Place(self.sku, depot), part))
        return changes

    def essence(self) -> tuple[Any, ...]:
        """What others are told of it, to compare."""
        shares = ((depot, share.reserved, share.deducted) for depot, share in sorted(self.shares.items()))
        return self.wanted, self.short, tuple(each for each in shares if any(each[1:]))

    def snapshot(self) -> ReservationLine:
        """As others are told."""
        here = {depot: Quantity(s.reserved + s.deducted) for depot, s in sorted(self.shares.items())}
        return ReservationLine(
            line_id=self.id,
            sku=self.sku,
            wanted=Quantity(self.wanted),
            allocations={depot: quantity for depot, quantity in here.items() if quantity},
            deducted=Quantity(self.deducted),
            short=Quantity(self.short),
        )
