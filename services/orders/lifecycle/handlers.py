"""What can be done to an order, and what is done when another service has said something about it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from libs.contracts.orders import (
    CancelReason,
    GiveBack,
    HoldKind,
    Lifecycle,
    OrderCancelRequested,
    OrderExpiring,
    OrderReady,
    PaymentKind,
)
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, NotFound
from services.orders.lifecycle import store
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lateness import alert
from services.orders.lifecycle.lines import Hold
from services.orders.lifecycle.rooms import rooms
from services.orders.lifecycle.steps import Step
from services.orders.lifecycle.taking import advance, cancel

ASK_AGAIN = timedelta(minutes=5)
"""After a deadline at which payments could not say that no money will come: how long until it is asked once more."""


class NotCancellable(Conflict):
    """The order has ended: it is completed or cancelled."""

    slug = "not-cancellable"


class NotConfirmed(Conflict):
    """The order is not confirmed, or it is held."""

    slug = "not-confirmed"


class AtALoss(Conflict):
    """It would complete at a loss: it is held for that now, and may be overridden with a reason."""

    slug = "at-a-loss"


class NotHeld(Conflict):
    """No such hold stands."""

    slug = "not-held"


async def opened(tx: Transaction, order_id: UUID, if_match: int | None = None) -> Change:
    """The order for a person's command; NotFound, or Stale when it is not at the version that was read."""
    found = await store.locked(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    check_version(found[0].version, if_match)
    return Change(*found, tx.cause)


async def keep(tx: Transaction, change: Change) -> Order:
    """Take every step that follows, emit what was said, write all of it down."""
    await keep_all(tx, [change])
    return change.order


async def keep_all(tx: Transaction, changes: Sequence[Change]) -> None:
    """The same for many orders, each because of its own cause, in few statements."""
    if not changes:
        return
    await _go_on(tx, changes)
    await store.save(tx, [(change.order, change.entries, change.heard) for change in changes])
    for change in changes:
        if holds := change.changed_holds():
            await store.save_holds(tx, change.order, holds)
        if sum(line.cut for line in change.order.lines) != change.known_cut:
            await store.save_cuts(tx, change.order)
    for follow in rooms().follow:
        await follow(tx, changes)


async def _go_on(tx: Transaction, changes: Sequence[Change]) -> None:
    """Take every step that follows, emit what was said and let the rules react to it, until nothing follows."""
    while changes:
        for change in changes:
            await _step(tx, change)
        await Change.all_speak(tx, changes)
        changes = [change for change in changes if change.told]
        await rooms().react(tx, changes)


async def take_steps(tx: Transaction, change: Change) -> None:
    """Take every step that follows and emit what was said, because of `tx.cause`."""
    await _step(tx, change)
    await change.speak(tx)


async def _step(tx: Transaction, change: Change) -> None:
    while advance(change.order, change.now, ASK_AGAIN) is Step.JUDGE:
        await rooms().judge(tx, change)


async def cancel_order(tx: Transaction, order_id: UUID, reason: CancelReason, if_match: int | None = None) -> Order:
    """End an order, or, once it is confirmed, ask shipping to let it go; NotCancellable when it has ended."""
    change = await opened(tx, order_id, if_match)
    ask_to_cancel(change.order, reason)
    return await keep(tx, change)


def ask_to_cancel(order: Order, reason: CancelReason) -> None:
    """Cancel it while it is open, ask shipping once it is confirmed; NotCancellable when it has ended."""
    match order.lifecycle:
        case Lifecycle.OPEN:
            cancel(order, reason, GiveBack.ALL)
        case Lifecycle.CONFIRMED:
            if order.cancel_request is None:
                order.cancel_request, order.cancel_wanted = new_id(), reason
                order.say(OrderCancelRequested)
        case _:
            raise NotCancellable(f"the order is {order.lifecycle}")


async def hold_order(
    tx: Transaction, order_id: UUID, kind: HoldKind, reason: str, if_match: int | None = None
) -> Order:
    """Stop an order until a person lets it go on."""
    change = await opened(tx, order_id, if_match)
    if change.order.lifecycle in {Lifecycle.COMPLETED, Lifecycle.CANCELLED}:
        raise Conflict(f"the order is {change.order.lifecycle}")
    change.order.hold(kind, str(new_id()), reason, now=change.now, by=tx.cause.actor)
    return await keep(tx, change)


async def release_order(
    tx: Transaction, order_id: UUID, kind: HoldKind, if_match: int | None = None, reason: str | None = None
) -> Order:
    """Lift every standing hold of a kind; NotHeld when there is none.

    With an import hold a person takes over an order as it was sold elsewhere: methods that have become known are
    used, and what nobody here can collect the marketplace does. A loss is not released but overridden, with a reason.
    """
    change = await opened(tx, order_id, if_match)
    holds = [hold for hold in change.order.standing if hold.kind is kind]
    if not holds and kind is not HoldKind.LOSS:
        raise NotHeld(f"no hold of kind {kind} stands", field="kind")
    return await _lift(tx, change, kind, holds, reason)


async def release_hold(
    tx: Transaction, order_id: UUID, hold_id: UUID, if_match: int | None = None, reason: str | None = None
) -> Order:
    """Lift one hold; NotFound when the order never had it, NotHeld when it does not stand any more."""
    change = await opened(tx, order_id, if_match)
    hold = next((each for each in change.order.holds if each.id == hold_id), None)
    if hold is None:
        raise NotFound("the order has no such hold")
    if hold.lifted_at is not None:
        raise NotHeld("the hold was lifted before")
    return await _lift(tx, change, hold.kind, [hold], reason)


async def _lift(tx: Transaction, change: Change, kind: HoldKind, holds: list[Hold], reason: str | None) -> Order:
    if kind is HoldKind.LOSS:
        raise AtALoss("a loss is overridden by override-loss, with a reason", field="kind")
    order = change.order
    if kind is HoldKind.IMPORT:
        delivery, payment = await store.kinds_known_now(tx, order)
        order.delivery_kind = order.delivery_kind or delivery
        order.payment_kind = order.payment_kind or payment or PaymentKind.EXTERNAL
        order.settle()
    order.lift(holds, now=change.now, by=tx.cause.actor, reason=reason)
    return await keep(tx, change)


async def make_ready(tx: Transaction, order_id: UUID, if_match: int | None = None) -> Order:
    """Say that the parcel may be booked now; NotConfirmed unless the order is confirmed and not held."""
    change = await opened(tx, order_id, if_match)
    ask_for_parcel(change.order)
    return await keep(tx, change)


def ask_for_parcel(order: Order) -> None:
    """Let its parcel be booked; NotConfirmed unless it is confirmed and not held."""
    if order.lifecycle is not Lifecycle.CONFIRMED or order.standing:
        raise NotConfirmed(f"the order is {order.lifecycle}{' and held' if order.standing else ''}")
    if not order.ready:
        order.ready = True
        order.say(OrderReady)


async def tell_late(tx: Transaction, order_id: UUID) -> Order:
    """A deadline of it has passed: that is alerted, once for each deadline."""
    change = await opened(tx, order_id)
    alert(change.order, change.now)
    return await keep(tx, change)


async def ask_for_money(tx: Transaction, order_id: UUID) -> Order:
    """Its reservation deadline has come: payments says whether money is on its way."""
    change = await opened(tx, order_id)
    change.order.expiring = new_id()
    change.order.say(OrderExpiring)
    return await keep(tx, change)
