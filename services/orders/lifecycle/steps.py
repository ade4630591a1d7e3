"""What follows from all that is known: one pure question, asked until nothing follows. Undoings stand by their steps."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import Enum, auto
from uuid import UUID

from libs.contracts.orders import (
    CancelReason,
    GiveBack,
    HoldKind,
    Lifecycle,
    OrderCancelled,
    OrderCancelRefused,
    OrderChanged,
    OrderCompleted,
    OrderConfirmed,
    OrderDelivered,
    OrderPaid,
    OrderReopened,
    OrderReserved,
    OrderReturned,
    OrderShipped,
    PaymentAxis,
    StockAxis,
)
from libs.contracts.shipping import ShipmentSnapshot, ShipmentState
from services.orders.lifecycle.axes import MOVED, covers
from services.orders.lifecycle.domain import GOODS_ARE_SAFE, MONEY_IS_HERE, MONEY_IS_SAFE, Order

BY = "system:orders"


class Step(Enum):
    """What follows next."""

    NONE = auto()
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
    COMPLETE = auto()
    # when it is cancelled
    REOPEN = auto()


def next_step(order: Order) -> Step:
    """What follows from all that is known now; asked again until nothing follows."""
    if order.historic:
        return Step.NONE
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
            return Step.NONE if order.held_about(HoldKind.PAID_LATE, _round(order)) else Step.HOLD_PAID_LATE
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
    if order.heard.unasked and not order.held_about(HoldKind.PAID_LATE, _round(order)):
        return Step.HOLD_PAID_LATE
    return Step.HOLD_CONTRADICTION if _contradiction(order) else Step.NONE


def _on_its_way(order: Order) -> Step:  # noqa: PLR0911 - one line for each answer
    if _contradiction(order):
        return Step.HOLD_CONTRADICTION
    if order.cancel_request and order.heard.answers_cancel(order.cancel_request):
        return _answered(order)
    if _untold(order, MOVED, order.shipped_told):
        return Step.SHIP
    if _untold(order, {ShipmentState.RETURNED}, order.returned_told):
        return Step.RETURN
    if _lost(order):
        return Step.HOLD_LOST
    if _arrived(order) and not order.delivered_told:
        return Step.DELIVER
    if _all_paid(order):
        return Step.PAY
    done = order.lifecycle is Lifecycle.CONFIRMED and order.delivered_told and order.payment is PaymentAxis.RECEIVED
    return Step.COMPLETE if done and _arrived(order) and not order.standing and not order.cancel_request else Step.NONE


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


def _untold(order: Order, states: Collection[ShipmentState], told: Collection[UUID]) -> ShipmentSnapshot | None:
    return next((s for s in order.heard.shipments if s.state in states and s.id not in told), None)


def _lost(order: Order) -> ShipmentSnapshot | None:
    lost = (s for s in order.heard.shipments if s.state == ShipmentState.LOST)
    return next((s for s in lost if not order.held_about(HoldKind.UNDELIVERED, str(s.id))), None)


def _contradiction(order: Order) -> str | None:
    """A shipment of which two things are said that cannot both be true."""
    cancelled = order.lifecycle is Lifecycle.CANCELLED
    moved = [s.id for s in order.heard.shipments if cancelled and s.state in MOVED]
    found = (str(shipment) for shipment in (*moved, *order.heard.both_moved_and_cancelled))
    return next((about for about in found if not order.held_about(HoldKind.CONTRADICTION, about)), None)


def _round(order: Order) -> str:
    return f"round {order.round}"


def take(order: Order, step: Step, now: datetime, ask_again: timedelta) -> None:
    """Do what follows: change the order, and let it say so. `ask_again`: how long until money is asked for once more."""
    _TAKEN[step](order, now, ask_again)
    order.settle()


def advance(order: Order, now: datetime, ask_again: timedelta) -> None:
    """Take every step that follows, until none does."""
    order.settle()
    while (step := next_step(order)) is not Step.NONE:
        take(order, step, now, ask_again)


def cancel(order: Order, reason: CancelReason, give_back: GiveBack) -> None:
    """End it. Inventory lets the goods go; payments gives back (`all`) or only reports (`ask`)."""
    order.lifecycle, order.cancel_reason, order.give_back = Lifecycle.CANCELLED, reason, give_back
    order.cancel_request = order.cancel_wanted = order.expiring = order.reserve_until = None
    order.settle()
    order.say(OrderCancelled, reason=reason, give_back=give_back)


def _expire(order: Order, *_: object) -> None:
    # Undone by _reopen, when money comes after all.
    cancel(order, CancelReason.EXPIRED, GiveBack.ASK)


def _reopen(order: Order, *_: object) -> None:
    # Undone by _hold_paid_late, when its goods are gone meanwhile.
    order.lifecycle, order.cancel_reason, order.give_back = Lifecycle.OPEN, None, None
    order.round, order.reserved_once, order.reserve_until = order.round + 1, False, None
    order.settle()
    order.say(OrderReopened)


def _hold_paid_late(order: Order, now: datetime, _: timedelta) -> None:
    reason = "money came for goods that it does not get any more: give it back, or find the goods"
    order.hold(HoldKind.PAID_LATE, _round(order), reason, now=now, by=BY)


def _cancel_out_of_stock(order: Order, *_: object) -> None:
    # Money that came all the same goes back by `all`; what cannot go back by itself is held as paid late.
    cancel(order, CancelReason.OUT_OF_STOCK, GiveBack.ALL)


def _cancel_unpayable(order: Order, *_: object) -> None:
    cancel(order, CancelReason.PAYMENT_FAILED, GiveBack.ALL)


def _wait_for_money(order: Order, now: datetime, ask_again: timedelta) -> None:
    order.expiring = None
    order.reserve_until = None if order.payment in MONEY_IS_SAFE else now + ask_again
    order.version += 1


def _announce_reserved(order: Order, now: datetime, _: timedelta) -> None:
    # Undone by the deadline, which leads to _expire when payments says that no money can come.
    order.reserved_once = True
    if order.reserve_minutes is not None and order.payment not in MONEY_IS_SAFE:
        order.reserve_until = now + timedelta(minutes=order.reserve_minutes)
    order.say(OrderReserved)


def _confirm(order: Order, *_: object) -> None:
    # Undone by a cancel request, which shipping answers.
    order.lifecycle, order.expiring, order.reserve_until = Lifecycle.CONFIRMED, None, None
    order.say(OrderConfirmed)


def _cancel_answered(order: Order, *_: object) -> None:
    cancel(order, order.cancel_wanted or CancelReason.CUSTOMER, GiveBack.ALL)


def _refuse_cancel(order: Order, *_: object) -> None:
    order.cancel_request = order.cancel_wanted = None
    order.say(OrderCancelRefused)


def _cut(order: Order, *_: object) -> None:
    for line in order.lines:
        if line.ships:
            line.cut = line.quantity - min(order.heard.kept.get(line.id, 0), line.wanted)
    order.cancel_request = order.cancel_wanted = None
    order.settle()
    order.say(OrderChanged)


def _ship(order: Order, *_: object) -> None:
    # Undone by _return, when the parcel comes back.
    shipment = _untold(order, MOVED, order.shipped_told)
    if shipment is not None:
        order.shipped_told.append(shipment.id)
        order.say(OrderShipped, shipment_id=shipment.id, depot=shipment.depot)


def _return(order: Order, now: datetime, _: timedelta) -> None:
    shipment = _untold(order, {ShipmentState.RETURNED}, order.returned_told)
    if shipment is not None:
        order.returned_told.append(shipment.id)
        order.say(OrderReturned)
        order.hold(HoldKind.UNDELIVERED, str(shipment.id), "a parcel came back", now=now, by=BY)


def _hold_lost(order: Order, now: datetime, _: timedelta) -> None:
    shipment = _lost(order)
    if shipment is not None:
        order.hold(HoldKind.UNDELIVERED, str(shipment.id), "the courier lost a parcel", now=now, by=BY)


def _hold_contradiction(order: Order, now: datetime, _: timedelta) -> None:
    about = _contradiction(order)
    if about is not None:
        reason = "a parcel is said to be on its way and to be cancelled"
        order.hold(HoldKind.CONTRADICTION, about, reason, now=now, by=BY)


def _deliver(order: Order, *_: object) -> None:
    order.delivered_told = True
    order.say(OrderDelivered)


def _pay(order: Order, *_: object) -> None:
    order.paid_told = True
    order.say(OrderPaid)


def _complete(order: Order, *_: object) -> None:
    order.lifecycle = Lifecycle.COMPLETED
    order.say(OrderCompleted)


_TAKEN: dict[Step, Callable[[Order, datetime, timedelta], None]] = {
    Step.HOLD_CONTRADICTION: _hold_contradiction,
    Step.EXPIRE: _expire,
    Step.CANCEL_UNPAYABLE: _cancel_unpayable,
    Step.WAIT_FOR_MONEY: _wait_for_money,
    Step.CANCEL_OUT_OF_STOCK: _cancel_out_of_stock,
    Step.HOLD_PAID_LATE: _hold_paid_late,
    Step.ANNOUNCE_RESERVED: _announce_reserved,
    Step.CONFIRM: _confirm,
    Step.CANCEL_ANSWERED: _cancel_answered,
    Step.REFUSE_CANCEL: _refuse_cancel,
    Step.CUT: _cut,
    Step.SHIP: _ship,
    Step.RETURN: _return,
    Step.HOLD_LOST: _hold_lost,
    Step.DELIVER: _deliver,
    Step.PAY: _pay,
    Step.COMPLETE: _complete,
    Step.REOPEN: _reopen,
}
