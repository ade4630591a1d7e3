"""What shipping decides about one order: what to plan, when to ask the courier, what a cancel gets. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.orders import DeliveryKind, Lifecycle, OrderSnapshot
from libs.contracts.shipping import (
    FulfilmentSnapshot,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFact,
    ShipmentFailed,
    ShipmentKept,
    ShipmentLost,
    ShipmentReturned,
    ShipmentState,
    ShipmentTracked,
)
from services.shipping import planning
from services.shipping.shipment import Ask, Means, Shipment, Void

MAX_BOOKINGS = 3
"""How often an AWB is asked for by itself under a new reference where the courier turned out not to have the last."""

MOVING = frozenset({ShipmentState.DISPATCHED, ShipmentState.DELIVERED, ShipmentState.RETURNING, ShipmentState.RETURNED,
                    ShipmentState.LOST})  # fmt: skip
OPEN = frozenset({ShipmentState.PLANNED, ShipmentState.FAILED})
"""Not at the courier, nor on the way there: may be changed or dropped at will."""

MILESTONES: dict[ShipmentState, type[ShipmentFact]] = {
    ShipmentState.DELIVERED: ShipmentDelivered,
    ShipmentState.RETURNED: ShipmentReturned,
    ShipmentState.LOST: ShipmentLost,
}


Said = tuple[type[ShipmentFact], UUID | None]
"""A fact to be told, and the shipment it is about."""


@dataclass(slots=True)
class Fulfilment:
    """All that shipping does for one order."""

    __tablename__: ClassVar[str] = "fulfilment"
    noun: ClassVar[str] = "fulfilment"
    id: UUID
    order_id: UUID
    version: int = 0
    order_version: int = 0
    answered_cancel: UUID | None = None
    shipments: list[Shipment] = field(default_factory=list)
    asks: list[tuple[Ask, Shipment]] = field(default_factory=list)  # what couriers are to be asked now

    def snapshot(self) -> FulfilmentSnapshot:
        """As every fact of it carries it."""
        return FulfilmentSnapshot(
            id=self.id,
            order_id=self.order_id,
            version=self.version,
            order_version=self.order_version,
            shipments=tuple(shipment.snapshot() for shipment in self.shipments),
            answered_cancel=self.answered_cancel,
        )

    def shipment(self, shipment_id: UUID) -> Shipment:
        """One of its shipments."""
        return next(each for each in self.shipments if each.id == shipment_id)

    def in_state(self, *states: ShipmentState) -> Iterator[Shipment]:
        """Its shipments in these states."""
        return (each for each in self.shipments if each.state in states)

    # What an order's snapshot asks for. Asked again whenever anything moved, until nothing follows.

    def bring(
        self, order: OrderSnapshot, means: Means, new: Callable[[str, Means], Shipment], to: str | None
    ) -> list[Said]:
        """Bring the shipments to what the order asks for; what is to be told. Twice in a row changes nothing more.

        `new` makes a shipment out of a depot; `to` is the fingerprint of the present address.
        """
        self.order_version = max(self.order_version, order.version)
        if order.lifecycle is Lifecycle.CANCELLED:
            self._let_go()
        elif order.cancel_request is not None:
            return self._answer(order.cancel_request.id)
        elif order.lifecycle in (Lifecycle.CONFIRMED, Lifecycle.COMPLETED):
            self._plan(order, means, new)
            self._void_what_changed(order, to)
            # A hold is told, not asked: nothing new is booked while it stands.
            if order.lifecycle is Lifecycle.CONFIRMED and not order.holds:
                self._book(means, to, ready=order.ready)
        return []

    def _let_go(self) -> None:
        """Drop what is only planned, ask the courier to forget what it has not picked up."""
        for shipment in self.in_state(*OPEN):
            shipment.state = ShipmentState.CANCELLED
        for shipment in self.in_state(ShipmentState.BOOKED):
            self._void(shipment)

    def _void(self, shipment: Shipment) -> None:
        if shipment.void is Void.NO:
            shipment.void = Void.ASKED
            self.asks.append((Ask.VOID, shipment))

    def _answer(self, request: UUID) -> list[Said]:
        """A cancel is answered once, when no call to a courier is open any more."""
        if self.answered_cancel == request:
            return []
        self._let_go()
        if any(each.state is ShipmentState.BOOKING or each.void is Void.ASKED for each in self.shipments):
            return []
        self.answered_cancel = request
        return [(ShipmentKept if any(each.live for each in self.shipments) else ShipmentCancelled, None)]

    def _plan(self, order: OrderSnapshot, means: Means, new: Callable[[str, Means], Shipment]) -> None:
        """One open shipment per depot holds what no other shipment covers."""
        held = {each.id: (each.depot, each.lines) for each in self.shipments if each.live and each.state not in OPEN}
        missing = planning.missing(planning.wanted(order.lines, held.values()), held.values())
        open_by_depot = {each.depot: each for each in self.in_state(*OPEN)}
        for depot in sorted({*missing, *open_by_depot}):
            lines, shipment = missing.get(depot, {}), open_by_depot.get(depot)
            if not lines:
                if shipment is not None:
                    shipment.state = ShipmentState.CANCELLED
                continue
            if shipment is None:
                shipment = new(depot, means)
                self.shipments.append(shipment)
            if shipment.lines != lines:
                shipment.lines, shipment.weight_g = lines, planning.weight(order.lines, lines)
            if not shipment.asked:
                shipment.kind, shipment.courier, shipment.account = means.kind, means.courier, means.account
        self._spread_cash(order)

    def _spread_cash(self, order: OrderSnapshot) -> None:
        """What is due on delivery is collected once, with the last shipment that is still open."""
        still = sorted(self.in_state(*OPEN), key=lambda each: each.depot)
        collected = sum(each.cash_on_delivery.minor for each in self.shipments
                        if each.live and each.state not in OPEN and each.cash_on_delivery)  # fmt: skip
        due = order.due_on_delivery.minor - collected
        for shipment in still:
            shipment.cash_on_delivery = None
        if still and due > 0:
            still[-1].cash_on_delivery = Money(due, order.due_on_delivery.currency)

    def _void_what_changed(self, order: OrderSnapshot, to: str | None) -> None:
        """An AWB for other goods, another address or other cash than now wanted is given up, as long as it can be."""
        held = [each for each in self.shipments if each.live and each.state not in OPEN]
        wanted = planning.wanted(order.lines, [(each.depot, each.lines) for each in held])
        excess = planning.excess(wanted, [(each.depot, each.lines) for each in held])
        collected = sum(each.cash_on_delivery.minor for each in held
                        if each.cash_on_delivery and each.state is not ShipmentState.DELIVERED)  # fmt: skip
        for shipment in self.in_state(ShipmentState.BOOKED):
            too_much = any(shipment.depot == depot and line in shipment.lines for depot, line in excess)
            elsewhere = to is not None and shipment.sent_to not in (None, to)
            cash = shipment.cash_on_delivery is not None and collected > order.due_on_delivery.minor
            if too_much or elsewhere or cash:
                self._void(shipment)

    def _book(self, means: Means, to: str | None, *, ready: bool) -> None:
        """Ask for AWBs. The address of this moment is noted: a change while the courier is asked shows afterwards."""
        for shipment in self.in_state(ShipmentState.PLANNED):
            wanted = shipment.asked or ready or means.book_when_confirmed
            if wanted and shipment.account is not None and shipment.kind is not DeliveryKind.PICKUP:
                shipment.state, shipment.sent_to = ShipmentState.BOOKING, to
                shipment.bookings += 1
                self.asks.append((Ask.BOOK, shipment))

    # What couriers say.

    def booked(self, shipment: Shipment, awb: str, link: str | None, cost: Money | None = None) -> list[Said]:
        """There is an AWB."""
        if shipment.state is not ShipmentState.BOOKING:
            return []
        shipment.state, shipment.status, shipment.cost = ShipmentState.BOOKED, "created", cost
        shipment.awb, shipment.link, shipment.failure = awb, link, None
        return [(ShipmentCreated, shipment.id)]

    def not_booked(self, shipment: Shipment, why: str | None, *, again: bool) -> list[Said]:
        """There is none. `again`: the courier never had it, so another may follow by itself."""
        if shipment.state is not ShipmentState.BOOKING:
            return []
        if again and (why is None or shipment.bookings < MAX_BOOKINGS):
            shipment.state = ShipmentState.PLANNED
            shipment.bookings -= why is None
            return []
        shipment.state, shipment.failure, shipment.asked, shipment.bookings = ShipmentState.FAILED, why, False, 0
        return [(ShipmentFailed, shipment.id)]

    def voided(self, shipment: Shipment, *, gone: bool, answering: bool) -> list[Said]:
        """The courier forgot the AWB, or will not. `answering`: a cancel request stands whose answer tells it."""
        if shipment.void is not Void.ASKED:
            return []
        shipment.void = Void.NO if gone else Void.TOO_LATE
        if gone and shipment.state is ShipmentState.BOOKED:
            shipment.state, shipment.status = ShipmentState.CANCELLED, "cancelled"
        if answering:
            return []
        return [(ShipmentKept if shipment.live else ShipmentCancelled, shipment.id)]

    def moved(self, shipment: Shipment, before: tuple[ShipmentState, str]) -> list[Said]:
        """What to tell of a shipment whose tracking was read anew."""
        state, status = before
        said: list[Said] = []
        if shipment.state in MOVING and state not in MOVING:
            said.append((ShipmentDispatched, shipment.id))
        if shipment.state is not state and shipment.state in MILESTONES:
            said.append((MILESTONES[shipment.state], shipment.id))
        if not said and (shipment.state, shipment.status) != (state, status):
            said.append((ShipmentTracked, shipment.id))
        return said
