"""A reservation: what an order wants, what is held for it where, and how it follows the newest that orders says."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from libs.contracts.inventory import (
    ReservationSnapshot,
    ReservationState,
    StockDeducted,
    StockFact,
    StockRejected,
    StockReleased,
    StockReserved,
    StockWaiting,
)
from libs.contracts.orders import Lifecycle, OrderSnapshot
from libs.events.consumer import RefusedFact
from libs.events.transaction import new_id
from services.inventory.reservations.lines import Change, Line, What
from services.inventory.reservations.pool import Pool
from services.inventory.stock.domain import Place


@dataclass(slots=True)
class Reservation:
    """The one reservation of an order. `state` None: goods are to be looked for now."""

    __tablename__: ClassVar[str] = "reservation"
    noun: ClassVar[str] = "reservation"
    id: UUID
    order_id: UUID
    round: int
    order_version: int
    state: ReservationState | None
    version: int = 0  # 0: not written yet
    lines: dict[UUID, Line] = field(default_factory=dict)

    @classmethod
    def begun(cls, order_id: UUID) -> "Reservation":
        """One that knows nothing yet."""
        return cls(new_id(), order_id, 0, 0, ReservationState.RELEASED)

    @property
    def wanted(self) -> dict[str, int]:
        """What it still looks for, summed by SKU: the same SKU may stand on several lines."""
        found: Counter[str] = Counter()
        for line in self.lines.values():
            if line.missing:
                found[line.sku] += line.missing
        return dict(found)

    @property
    def places(self) -> set[Place]:
        """Where it holds goods."""
        return {
            Place(line.sku, depot)
            for line in self.lines.values()
            for depot, share in line.shares.items()
            if share.reserved
        }

    @property
    def waits(self) -> bool:
        """Whether it stands in the queue for goods."""
        return self.state is ReservationState.WAITING

    @property
    def is_nothing(self) -> bool:
        """Whether there never was anything to do for this order: it needs no row."""
        return self.version == 0 and self.state is ReservationState.RELEASED and not self._has_shares

    @property
    def _has_shares(self) -> bool:
        return any(line.shares for line in self.lines.values())

    def follow(self, order: OrderSnapshot) -> list[Change]:
        """Bring it to what the order's newest snapshot asks for; what that asks of the levels.

        Goods that must still be looked for leave `state` None: call `look` under the levels' locks.
        """
        is_open = order.lifecycle != Lifecycle.CANCELLED
        asks_anew = order.round > self.round
        self.round, self.order_version = max(self.round, order.round), order.version
        changes: list[Change] = []
        for place, given in enumerate(order.lines):
            if not given.ships and given.id not in self.lines:
                continue
            line = self.lines.setdefault(given.id, Line(given.id, place, given.sku))
            if line.sku != given.sku:
                raise RefusedFact(f"line {given.id} was {line.sku} and cannot become {given.sku}")
            wanted = max(0, given.ordered - given.cut)
            asks_anew |= wanted != line.wanted
            line.wanted = wanted
            changes += line.follow(given, self.order_id)
            changes += line.release(keep=max(0, wanted - line.deducted) if is_open else 0)
        self._settle(is_open=is_open, asks_anew=asks_anew)
        return changes

    def _settle(self, *, is_open: bool, asks_anew: bool) -> None:
        """The state that follows from what is wanted, held and gone."""
        if not is_open:
            if self.state is not ReservationState.REJECTED:  # nothing was ever held: it stays what it was
                self._rest(ReservationState.RELEASED)
        elif self.wanted:
            if asks_anew or self.state not in (ReservationState.WAITING, ReservationState.REJECTED):
                self.state = None
        elif any(line.held for line in self.lines.values()):
            self._rest(ReservationState.RESERVED)
        elif any(line.deducted for line in self.lines.values()):
            self._rest(ReservationState.DEDUCTED)
        else:
            self._rest(ReservationState.RELEASED)

    def _rest(self, state: ReservationState) -> None:
        self.state = state
        for line in self.lines.values():
            line.short = 0

    def look(self, pool: Pool, depots: Sequence[str], *, may_wait: bool) -> list[Change]:
        """Take all that is missing from the pool, or hold nothing at all; what that asks of the levels."""
        wanted = self.wanted
        lacking = {sku: quantity - pool.total(sku, depots) for sku, quantity in wanted.items()}
        found = pool.allocate(wanted, depots)
        if found is not None:
            self._rest(ReservationState.RESERVED)
            return self._hold(found)
        changes = []
        for line in reversed(self.lines.values()):
            line.short = min(line.missing, max(0, lacking.get(line.sku, 0)))
            lacking[line.sku] = lacking.get(line.sku, 0) - line.short
            changes += line.release(keep=0)
        self.state = ReservationState.WAITING if may_wait else ReservationState.REJECTED
        return changes

    def _hold(self, found: Mapping[str, dict[str, int]]) -> list[Change]:
        """Hand what was found out to the lines."""
        changes = []
        for line in self.lines.values():
            for depot, left in found.get(line.sku, {}).items():
                if part := min(left, line.missing):
                    found[line.sku][depot] -= part
                    line.share(depot).reserved += part
                    changes.append(Change(What.RESERVE, Place(line.sku, depot), part))
        return changes

    @property
    def known_state(self) -> ReservationState:
        """Its state, once it has looked for what it wants: nothing is written or told before."""
        assert self.state is not None  # noqa: S101 - whoever writes or tells has looked
        return self.state

    def essence(self) -> tuple[Any, ...]:
        """What others are told, beside the versions: a fact follows when it is another one."""
        return self.state, self.round, tuple(line.essence() for line in self.lines.values())

    def snapshot(self) -> ReservationSnapshot:
        """As others are told."""
        return ReservationSnapshot(
            id=self.id,
            order_id=self.order_id,
            version=self.version,
            round=self.round,
            order_version=self.order_version,
            state=self.known_state,
            lines=tuple(line.snapshot() for line in self.lines.values()),
        )

    def fact(self, changes: Sequence[Change]) -> StockFact:
        """What to tell after these changes."""
        if any(change.what is What.DEDUCT for change in changes):
            return StockDeducted(reservation=self.snapshot())
        return _FACTS[self.known_state](reservation=self.snapshot())


def asked_by(order: OrderSnapshot) -> bytes:
    """A fingerprint of all that `follow` reads of an order: while it is the same, nothing is asked anew."""
    lines = [
        (line.id.int, line.sku, line.ships, line.ordered - line.cut, _said(line.shipped_from), _said(line.returned_to))
        for line in order.lines
    ]
    asked = (order.lifecycle == Lifecycle.CANCELLED, order.round, lines)
    return hashlib.sha256(repr(asked).encode()).digest()


def _said(depots: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(depot, int(quantity)) for depot, quantity in sorted(depots.items())]


_FACTS: Mapping[ReservationState, type[StockFact]] = {
    ReservationState.WAITING: StockWaiting,
    ReservationState.RESERVED: StockReserved,
    ReservationState.REJECTED: StockRejected,
    ReservationState.RELEASED: StockReleased,
    ReservationState.DEDUCTED: StockDeducted,
}
