"""Taking a step: how the order changes and what it says. Each undoing stands beside its step. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta

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
    Overdue,
)
from libs.contracts.shipping import ShipmentState
from services.orders.lifecycle.axes import MOVED
from services.orders.lifecycle.domain import BY, MONEY_IS_SAFE, Order
from services.orders.lifecycle.lateness import cure
from services.orders.lifecycle.steps import Step, contradiction, lost, next_step, round_of, untold


def take(order: Order, step: Step, now: datetime, ask_again: timedelta) -> None:
    """Do what follows and let the order say so. `ask_again`: how long until money is asked for once more."""
    _TAKEN[step](order, now, ask_again)
    order.settle()


def advance(order: Order, now: datetime, ask_again: timedelta) -> Step:
    """Take every step that follows; NONE when none does, JUDGE when `order.judged` has to be set first."""
    order.settle()
    while (step := next_step(order)) not in {Step.NONE, Step.JUDGE}:
        take(order, step, now, ask_again)
    return step


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
    order.hold(HoldKind.PAID_LATE, round_of(order), reason, now=now, by=BY)


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


def _confirm(order: Order, now: datetime, _: timedelta) -> None:
    # Undone by a cancel request, which shipping answers.
    order.lifecycle, order.expiring, order.reserve_until = Lifecycle.CONFIRMED, None, None
    # Each time that it is confirmed is a new start: the clock of a reopened order begins again.
    order.delivery_due_at = order.clock.due(Overdue.DELIVERY, order.delivery_method, now) if order.clock else None
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
    shipment = untold(order, MOVED, order.shipped_told)
    if shipment is not None:
        order.shipped_told.append(shipment.id)
        order.say(OrderShipped, shipment_id=shipment.id, depot=shipment.depot)


def _return(order: Order, now: datetime, _: timedelta) -> None:
    shipment = untold(order, {ShipmentState.RETURNED}, order.returned_told)
    if shipment is not None:
        order.returned_told.append(shipment.id)
        order.say(OrderReturned)
        order.hold(HoldKind.UNDELIVERED, str(shipment.id), "a parcel came back", now=now, by=BY)


def _hold_lost(order: Order, now: datetime, _: timedelta) -> None:
    shipment = lost(order)
    if shipment is not None:
        order.hold(HoldKind.UNDELIVERED, str(shipment.id), "the courier lost a parcel", now=now, by=BY)


def _hold_contradiction(order: Order, now: datetime, _: timedelta) -> None:
    about = contradiction(order)
    if about is not None:
        reason = "a parcel is said to be on its way and to be cancelled"
        order.hold(HoldKind.CONTRADICTION, about, reason, now=now, by=BY)


def _deliver(order: Order, *_: object) -> None:
    order.delivered_told = True
    order.say(OrderDelivered)


def _pay(order: Order, *_: object) -> None:
    order.paid_told = True
    order.say(OrderPaid)


def _hold_loss(order: Order, now: datetime, _: timedelta) -> None:
    # Undone by a person who overrides it, which is asked once a round, or by itself once the costs are put right.
    asked = sum(hold.kind is HoldKind.LOSS for hold in order.holds)
    about = f"{round_of(order)}, {asked + 1}" if asked else round_of(order)
    order.hold(HoldKind.LOSS, about, "completing it loses money", now=now, by=BY)
    order.stopped_at_loss = True


def _complete(order: Order, *_: object) -> None:
    order.lifecycle = Lifecycle.COMPLETED
    order.say(OrderCompleted)


def _in_time(order: Order, *_: object) -> None:
    cure(order)


_TAKEN: dict[Step, Callable[[Order, datetime, timedelta], None]] = {
    Step.IN_TIME: _in_time,
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
    Step.HOLD_LOSS: _hold_loss,
    Step.COMPLETE: _complete,
    Step.REOPEN: _reopen,
}
