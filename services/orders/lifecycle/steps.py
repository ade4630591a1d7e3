"""What follows from all that is known: one pure question, asked until nothing follows."""

from collections.abc import Collection
from enum import Enum, auto
from uuid import UUID

from libs.contracts.orders import (
    CancelReason,
    HoldKind,
    Lifecycle,
    PaymentAxis,
    StockAxis,
)
from libs.contracts.shipping import ShipmentSnapshot, ShipmentState
from services.orders.lifecycle.axes import MOVED, covers
from services.orders.lifecycle.domain import GOODS_ARE_SAFE, MONEY_IS_HERE, MONEY_IS_SAFE, Judged, Order
from services.orders.lifecycle.lateness import cured


class Step(Enum):
    """What follows next."""

    NONE = auto()
    IN_TIME = auto()
    HOLD_CONTRADICTION = auto()
    # while it is open
    EXPIRE = auto()
    CANCEL_UNPAYABLE = auto()
    WAIT_FOR_MONEY = auto()
    CANCEL_OUT_OF_STOCK = auto()
    HOLD_PAID_LATE = auto()
    ANNOUNCE_RESERVED = auto()
    CONFIRM = auto()
    # when it is confirmed
    CANCEL_ANSWERED = auto()
    REFUSE_CANCEL = auto()
    CUT = auto()
    SHIP = auto()
    RETURN = auto()
    HOLD_LOST = auto()
    DELIVER = auto()
    PAY = auto()
    JUDGE = auto()  # say whether it would complete at a loss
    HOLD_LOSS = auto()
    COMPLETE = auto()
    # when it is cancelled
    REOPEN = auto()


def next_step(order: Order) -> Step:
    """What follows from all that is known now; asked again until nothing follows."""
    if order.historic:
        return Step.NONE
    if cured(order):
        return Step.IN_TIME
    match order.lifecycle:
        case Lifecycle.OPEN:
            return _while_open(order)
        case Lifecycle.CANCELLED:
            return _when_cancelled(order)
        case _:
            return _on_its_way(order)


def _while_open(order: Order) -> Step:  # noqa: PLR0911 - one line for each answer
    if order.payment is PaymentAxis.EXPIRED:
        return Step.EXPIRE
    if order.expiring and order.heard.answers_expiring(order.expiring):
        return Step.CANCEL_UNPAYABLE if order.payment is PaymentAxis.FAILED else Step.WAIT_FOR_MONEY
    if order.stock is StockAxis.REJECTED:
        if order.round > 1 and order.payment in MONEY_IS_HERE:
            return Step.NONE if order.held_about(HoldKind.PAID_LATE, round_of(order)) else Step.HOLD_PAID_LATE
        return Step.NONE if order.standing else Step.CANCEL_OUT_OF_STOCK
    if _all_paid(order):
        return Step.PAY
    if order.standing or order.stock not in GOODS_ARE_SAFE:
        return Step.NONE
    if not order.reserved_once:
        return Step.ANNOUNCE_RESERVED
    return Step.CONFIRM if order.payment in MONEY_IS_SAFE else Step.NONE


def _when_cancelled(order: Order) -> Step:
    if order.cancel_reason is CancelReason.EXPIRED and order.payment in MONEY_IS_HERE:
        return Step.REOPEN
    if order.heard.unasked and not order.held_about(HoldKind.PAID_LATE, round_of(order)):
        return Step.HOLD_PAID_LATE
    return Step.HOLD_CONTRADICTION if contradiction(order) else Step.NONE


def _on_its_way(order: Order) -> Step:  # noqa: PLR0911 - one line for each answer
    if contradiction(order):
        return Step.HOLD_CONTRADICTION
    if order.cancel_request and order.heard.answers_cancel(order.cancel_request):
        return _answered(order)
    if untold(order, MOVED, order.shipped_told):
        return Step.SHIP
    if untold(order, {ShipmentState.RETURNED}, order.returned_told):
        return Step.RETURN
    if lost(order):
        return Step.HOLD_LOST
    if _arrived(order) and not order.delivered_told:
        return Step.DELIVER
    if _all_paid(order):
        return Step.PAY
    done = order.lifecycle is Lifecycle.CONFIRMED and order.delivered_told and order.payment is PaymentAxis.RECEIVED
    if not done or not _arrived(order) or order.standing or order.cancel_request:
        return Step.NONE
    return _when_judged(order)


def _when_judged(order: Order) -> Step:
    """It may complete, unless that loses money and nobody has said that it may all the same."""
    if order.judged is None:
        return Step.JUDGE
    return Step.HOLD_LOSS if order.judged is Judged.LOSS and not order.may_lose else Step.COMPLETE


def _answered(order: Order) -> Step:
    """Shipping said what it could stop: what it kept goes on, the rest is cut."""
    kept = {line: min(order.heard.kept.get(line, 0), wanted) for line, wanted in order.wanted.items()}
    if not any(kept.values()):
        return Step.CANCEL_ANSWERED
    return Step.REFUSE_CANCEL if covers(kept, order.wanted) else Step.CUT


def _arrived(order: Order) -> bool:
    return covers(order.heard.quantities({ShipmentState.DELIVERED}), order.wanted)


def _all_paid(order: Order) -> bool:
    return order.payment is PaymentAxis.RECEIVED and order.total > 0 and not order.paid_told


def untold(order: Order, states: Collection[ShipmentState], told: Collection[UUID]) -> ShipmentSnapshot | None:
    """A shipment in one of these states of which nothing was told yet."""
    return next((s for s in order.heard.shipments if s.state in states and s.id not in told), None)


def lost(order: Order) -> ShipmentSnapshot | None:
    """A lost shipment for which the order was not held yet."""
    found = (s for s in order.heard.shipments if s.state == ShipmentState.LOST)
    return next((s for s in found if not order.held_about(HoldKind.UNDELIVERED, str(s.id))), None)


def contradiction(order: Order) -> str | None:
    """A shipment of which two things are said that cannot both be true."""
    cancelled = order.lifecycle is Lifecycle.CANCELLED
    moved = [s.id for s in order.heard.shipments if cancelled and s.state in MOVED]
    found = (str(shipment) for shipment in (*moved, *order.heard.both_moved_and_cancelled))
    return next((about for about in found if not order.held_about(HoldKind.CONTRADICTION, about)), None)


def round_of(order: Order) -> str:
    """What a hold of this round is about."""
    return f"round {order.round}"
