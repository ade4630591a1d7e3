"""What the other services have said, read as axes and quantities. Every answer follows from their newest snapshots."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from libs.contracts.inventory import ReservationSnapshot, ReservationState
from libs.contracts.orders import FulfilmentAxis, PaymentAxis, PaymentKind, StockAxis
from libs.contracts.payments import PaymentSnapshot, PaymentStatus
from libs.contracts.shipping import FulfilmentSnapshot, ShipmentSnapshot, ShipmentState

MOVED = frozenset(
    {
        ShipmentState.DISPATCHED,
        ShipmentState.DELIVERED,
        ShipmentState.RETURNING,
        ShipmentState.RETURNED,
        ShipmentState.LOST,
    }
)
"""States of a parcel that has left the depot."""

_STOCK = {
    ReservationState.WAITING: StockAxis.WAITING,
    ReservationState.RESERVED: StockAxis.RESERVED,
    ReservationState.REJECTED: StockAxis.REJECTED,
    ReservationState.RELEASED: StockAxis.RELEASED,
    ReservationState.DEDUCTED: StockAxis.DEDUCTED,
}
_PAYMENT = {
    PaymentStatus.AUTHORIZED: PaymentAxis.AUTHORIZED,
    PaymentStatus.RECEIVED: PaymentAxis.RECEIVED,
    PaymentStatus.PARTLY_REFUNDED: PaymentAxis.RECEIVED,
    PaymentStatus.REFUNDED: PaymentAxis.REFUNDED,
    PaymentStatus.VOIDED: PaymentAxis.FAILED,
    PaymentStatus.FAILED: PaymentAxis.FAILED,
    PaymentStatus.EXPIRED: PaymentAxis.EXPIRED,
}
_BEST = (
    PaymentAxis.DISPUTED,
    PaymentAxis.RECEIVED,
    PaymentAxis.AUTHORIZED,
    PaymentAxis.PENDING,
    PaymentAxis.REFUNDED,
    PaymentAxis.EXPIRED,
    PaymentAxis.FAILED,
)

Quantities = Mapping[UUID, int]
Part = ReservationSnapshot | PaymentSnapshot | FulfilmentSnapshot
P = TypeVar("P", ReservationSnapshot, PaymentSnapshot, FulfilmentSnapshot)


@dataclass
class Heard:
    """The newest snapshot of every part of an order that another service keeps, and what no later one may undo."""

    reservations: dict[UUID, ReservationSnapshot] = field(default_factory=dict)
    payments: dict[UUID, PaymentSnapshot] = field(default_factory=dict)
    fulfilments: dict[UUID, FulfilmentSnapshot] = field(default_factory=dict)
    seen: dict[UUID, set[str]] = field(
        default_factory=dict
    )  # by fulfilment: "<shipment> moved", "<shipment> cancelled"

    def learn(self, part: Part) -> bool:
        """Take in what a service says; whether anything is new. Facts may come late, twice and in any order."""
        match part:
            case ReservationSnapshot():
                return _newer(self.reservations, part)
            case PaymentSnapshot():
                return _newer(self.payments, part)
            case FulfilmentSnapshot():
                seen = self.seen.setdefault(part.id, set())
                before = len(seen)
                seen |= {f"{shipment.id} {mark}" for shipment in part.shipments if (mark := _mark(shipment))}
                return _newer(self.fulfilments, part) or len(seen) > before

    def newest(self, part: Part) -> Part:
        """What is now known of that part."""
        known: dict[UUID, Part] = {**self.reservations, **self.payments, **self.fulfilments}
        return known[part.id]

    @property
    def shipments(self) -> tuple[ShipmentSnapshot, ...]:
        """All shipments of the order."""
        return tuple(shipment for part in self.fulfilments.values() for shipment in part.shipments)

    @property
    def both_moved_and_cancelled(self) -> tuple[UUID, ...]:
        """Shipments of which both was said, which cannot be."""
        said = {mark for marks in self.seen.values() for mark in marks}
        return tuple(s.id for s in self.shipments if {f"{s.id} moved", f"{s.id} cancelled"} <= said)

    def reservation(self, in_round: int) -> ReservationSnapshot | None:
        """The reservation that answers this round of the order."""
        return next((part for part in self.reservations.values() if part.round >= in_round), None)

    def stock(self, in_round: int) -> StockAxis:
        """Where the goods are, for an order that needs any."""
        found = self.reservation(in_round)
        return _STOCK.get(found.state, StockAxis.PENDING) if found else StockAxis.PENDING

    def money(self, kind: PaymentKind | str | None, total: int) -> PaymentAxis:
        """Where the money is."""
        found = {axis_of(payment) for payment in self.payments.values()}
        best = next((axis for axis in _BEST if axis in found), PaymentAxis.PENDING)
        if best in {PaymentAxis.PENDING, PaymentAxis.FAILED, PaymentAxis.EXPIRED}:
            if total == 0 or kind == PaymentKind.EXTERNAL:
                return PaymentAxis.RECEIVED
            if kind == PaymentKind.CASH_ON_DELIVERY:
                return PaymentAxis.DUE_ON_DELIVERY
        return best

    def fulfilment(self, wanted: Quantities) -> FulfilmentAxis:
        """Where the parcels are; `wanted`: what is to be shipped of each line."""
        states = {s.state for s in self.shipments if s.state != ShipmentState.CANCELLED}
        if not states:
            return FulfilmentAxis.NONE
        if ShipmentState.DELIVERED in states:
            all_there = covers(self.quantities({ShipmentState.DELIVERED}), wanted)
            return FulfilmentAxis.DELIVERED if all_there else FulfilmentAxis.PARTLY_DELIVERED
        if states == {ShipmentState.LOST}:
            return FulfilmentAxis.LOST
        if states <= {ShipmentState.RETURNED, ShipmentState.LOST}:
            return FulfilmentAxis.RETURNED
        if states & MOVED:
            return FulfilmentAxis.SHIPPED if covers(self.quantities(MOVED), wanted) else FulfilmentAxis.PARTLY_SHIPPED
        return FulfilmentAxis.BOOKED if ShipmentState.BOOKED in states else FulfilmentAxis.PLANNED

    def quantities(self, states: Iterable[ShipmentState]) -> dict[UUID, int]:
        """How much of each line is in shipments of these states."""
        return summed(shipment for shipment in self.shipments if shipment.state in set(states))

    def by_depot(self, states: Iterable[ShipmentState]) -> dict[UUID, dict[str, int]]:
        """The same, line by line and depot by depot."""
        found: dict[UUID, dict[str, int]] = {}
        for shipment in self.shipments:
            if shipment.state in set(states):
                for line in shipment.lines:
                    depots = found.setdefault(line.line_id, {})
                    depots[shipment.depot] = depots.get(shipment.depot, 0) + line.quantity
        return found

    @property
    def kept(self) -> dict[UUID, int]:
        """How much of each line is in shipments that were not cancelled."""
        return summed(s for s in self.shipments if s.state != ShipmentState.CANCELLED)

    def answers_cancel(self, request: UUID) -> bool:
        """Whether shipping has answered this request."""
        return any(part.answered_cancel == request for part in self.fulfilments.values())

    def answers_expiring(self, request: UUID) -> bool:
        """Whether payments has answered this request."""
        return any(part.answered_expiring == request for part in self.payments.values())

    @property
    def unasked(self) -> bool:
        """Whether money is here that nobody wanted any more."""
        return any(payment.unasked for payment in self.payments.values())


def _newer(known: dict[UUID, P], part: P) -> bool:
    old = known.get(part.id)
    if old is not None and old.version >= part.version:
        return False
    known[part.id] = part
    return True


def _mark(shipment: ShipmentSnapshot) -> str | None:
    if shipment.state == ShipmentState.CANCELLED:
        return "cancelled"
    return "moved" if shipment.state in MOVED else None


def axis_of(payment: PaymentSnapshot) -> PaymentAxis:
    """What one payment's state means for its order."""
    if payment.disputed.minor > 0:
        return PaymentAxis.DISPUTED
    return _PAYMENT.get(payment.status, PaymentAxis.PENDING)


def summed(shipments: Iterable[ShipmentSnapshot]) -> dict[UUID, int]:
    """The quantity of each line over these shipments."""
    found: dict[UUID, int] = {}
    for shipment in shipments:
        for line in shipment.lines:
            found[line.line_id] = found.get(line.line_id, 0) + line.quantity
    return found


def covers(have: Quantities, wanted: Quantities) -> bool:
    """Whether every line has as much as is wanted."""
    return all(have.get(line, 0) >= quantity for line, quantity in wanted.items())
