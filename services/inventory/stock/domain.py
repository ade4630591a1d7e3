"""A stock level: how much of an item is in a depot, what of it is promised, and every movement that made it so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple
from uuid import UUID

from libs.contracts.common import Quantity
from libs.contracts.inventory import StockChanged


class Kind(StrEnum):
    """Why goods moved."""

    RECEIPT = "receipt"  # goods came
    SET = "set"  # somebody who knows better said how many there are
    DEDUCT = "deduct"  # goods left with an order
    RETURN = "return"  # goods came back, into quarantine
    CORRECTION = "correction"  # goods left that the figures did not know of


class Bucket(StrEnum):
    """Which number of a level a movement moves."""

    ON_HAND = "on_hand"
    QUARANTINE = "quarantine"


class Place(NamedTuple):
    """Where a level is; levels are locked in this order."""

    sku: str
    depot: str


class NotAvailableError(Exception):
    """More was to be promised than is available: the caller did not look under the level's lock."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of the ledger, in thousandths. `source` is its cause: the same one never moves the same level twice."""

    kind: Kind
    bucket: Bucket
    quantity: int
    source: str
    reason: str | None = None


@dataclass(slots=True)
class Level:
    """A `stock_level` row, locked. Its methods change it and note the movement; `movements` waits to be written."""

    __tablename__: ClassVar[str] = "stock_level"
    noun: ClassVar[str] = "stock_level"
    id: UUID
    sku: str
    depot: str
    on_hand: int
    reserved: int
    buffer: int
    quarantine: int
    uncovered: int
    version: int
    movements: list[Movement] = field(default_factory=list)
    changed: bool = False

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.sku, self.depot)

    @property
    def available(self) -> int:
        """What may be promised now; never below zero."""
        return max(0, self.on_hand - self.reserved - self.buffer)

    @property
    def shortage(self) -> int:
        """How much is promised that is not on hand."""
        return max(0, self.reserved - self.on_hand)

    def reserve(self, quantity: int) -> None:
        """Promise some of what is available."""
        if quantity > self.available:
            raise NotAvailableError(f"{quantity} of {self.sku}@{self.depot}: {self.available} available")
        self.reserved += quantity
        self.changed = True

    def release(self, quantity: int) -> None:
        """Take a promise back."""
        self.reserved -= quantity
        self.changed = True

    def deduct(self, quantity: int, held: int, source: str) -> None:
        """Goods left with an order, `held` of them promised to it here.

        What left is believed: where less was on hand, a correction first says that it had been there.
        """
        missing = max(0, quantity - self.on_hand)
        if missing:
            self._move(Kind.CORRECTION, missing, f"{source}/found", "shipped, though not on hand")
        self._move(Kind.DEDUCT, -quantity, source)
        self.reserved -= held

    def take_back(self, quantity: int, source: str) -> None:
        """Goods came back from a customer: they wait in quarantine until somebody has looked at them."""
        self.movements.append(Movement(Kind.RETURN, Bucket.QUARANTINE, quantity, source))
        self.quarantine += quantity
        self.changed = True

    def receive(self, quantity: int, source: str, reason: str | None = None) -> None:
        """Goods came."""
        self._move(Kind.RECEIPT, quantity, source, reason)

    def count(self, on_hand: int, source: str, reason: str | None = None) -> None:
        """Somebody who knows says how many there are, also below what is promised."""
        if on_hand != self.on_hand:
            self._move(Kind.SET, on_hand - self.on_hand, source, reason)

    def keep_back(self, buffer: int) -> None:
        """Set how many are never promised."""
        if buffer != self.buffer:
            self.buffer = buffer
            self.changed = True

    def _move(self, kind: Kind, quantity: int, source: str, reason: str | None = None) -> None:
        self.movements.append(Movement(kind, Bucket.ON_HAND, quantity, source, reason))
        self.on_hand += quantity
        self.changed = True

    def fact(self) -> StockChanged:
        """The level as the world is told; what the database held is not checked again."""
        return StockChanged.model_construct(
            id=self.id,
            version=self.version,
            sku=self.sku,
            depot=self.depot,
            on_hand=Quantity(self.on_hand),
            reserved=Quantity(self.reserved),
            buffer=Quantity(self.buffer),
            available=Quantity(self.available),
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """An order that holds goods of a level."""

    order_id: UUID
    number: str
    placed_at: datetime
    held: int


def not_covered(shortage: int, holders: Iterable[Holder]) -> dict[UUID, tuple[Holder, int]]:
    """Which orders do not get what they hold, and how much of it: the newest first, until the shortage is explained."""
    found: dict[UUID, tuple[Holder, int]] = {}
    for holder in sorted(holders, key=lambda each: (each.placed_at, each.order_id), reverse=True):
        if shortage <= 0:
            break
        found[holder.order_id] = (holder, min(shortage, holder.held))
        shortage -= holder.held
    return found
