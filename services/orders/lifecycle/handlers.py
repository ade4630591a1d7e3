"""What can be done to an order, and what is done when another service has said something about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.contracts.common import WorkCleared, WorkStuck
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
from libs.events.consumer import RefusedFact
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, NotFound
from services.orders.lifecycle import store, timeline
from services.orders.lifecycle.axes import Part
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lines import Hold
from services.orders.lifecycle.taking import advance, cancel

ASK_AGAIN = timedelta(minutes=5)
"""After a deadline at which payments could not say that no money will come: how long until it is asked once more."""


class NotCancellable(Conflict):
    """The order has ended: it is completed or cancelled."""

    slug = "not-cancellable"


class NotConfirmed(Conflict):
    """The order is not confirmed, or it is held."""

    slug = "not-confirmed"


class NotHeld(Conflict):
    """No such hold stands."""

    slug = "not-held"


@dataclass
class Opened:
    """An order under its lock, as it was found, and what its timeline gets."""

    order: Order
    now: datetime
    before: dict[str, str] = field(init=False)
    known_holds: dict[UUID, datetime | None] = field(init=False)
    known_cut: int = field(init=False)
    entries: list[timeline.Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.before = {axis: str(getattr(self.order, axis)) for axis in timeline.AXES}
        self.known_holds = {hold.id: hold.lifted_at for hold in self.order.holds}
        self.known_cut = sum(line.cut for line in self.order.lines)

    def changed_holds(self) -> list[Hold]:
        """The holds that are new or were lifted."""
        known = self.known_holds
        return [hold for hold in self.order.holds if hold.id not in known or hold.lifted_at != known[hold.id]]


async def opened(tx: Transaction, order_id: UUID, if_match: int | None = None) -> Opened:
    """The order for a person's command; NotFound, or Stale when it is not at the version that was read."""
    found = await store.locked(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    check_version(found[0].version, if_match)
    return Opened(*found)


async def keep(tx: Transaction, opened: Opened, heard: Part | None = None) -> Order:
    """Take every step that follows, emit what was said, write all of it down, with what was `heard` that is news."""
    order = opened.order
    advance(order, opened.now, ASK_AGAIN)
    opened.entries += await timeline.emit(tx, order, opened.before)
    await store.save(tx, order, opened.entries, heard)
    if holds := opened.changed_holds():
        await store.save_holds(tx, order, holds)
    if sum(line.cut for line in order.lines) != opened.known_cut:
        await store.save_cuts(tx, order)
    return order


async def learn(tx: Transaction, part: Part, detail: dict[str, Any]) -> None:
    """Take in what a service says about its part of an order, then do what follows from everything known."""
    found = await store.locked(tx, part.order_id)
    if found is None:
        raise RefusedFact(f"there is no order {part.order_id}")
    change = Opened(*found)
    order = change.order
    change.entries.append(timeline.heard(tx, detail))
    news = order.heard.learn(part)
    if news:
        order.version += 1
    await keep(tx, change, order.heard.newest(part) if news else None)


async def note(tx: Transaction, order_id: UUID, detail: dict[str, Any]) -> bool:
    """Write a fact that changes nothing into an order's timeline; False when there is no such order."""
    return await store.note(tx, order_id, timeline.heard(tx, detail))


async def learn_work(tx: Transaction, fact: WorkStuck | WorkCleared) -> None:
    """Keep what stands still and concerns an order, so that it can be said why an order does not move."""
    if fact.order_id is None:
        return
    stuck = (fact.kind, fact.what, fact.since, fact.next_try, False) if isinstance(fact, WorkStuck) else None
    values = (fact.work, fact.version, fact.service, *(stuck or (None, None, None, None, True)))
    detail = {"service": fact.service} | ({"kind": str(fact.kind), "what": fact.what} if stuck else {})  # type: ignore[union-attr]
    if await note(tx, fact.order_id, detail):
        await store.learn_work(tx, fact.order_id, values)


async def cancel_order(tx: Transaction, order_id: UUID, reason: CancelReason, if_match: int | None = None) -> Order:
    """End an order, or, once it is confirmed, ask shipping to let it go; NotCancellable when it has ended."""
    change = await opened(tx, order_id, if_match)
    order = change.order
    match order.lifecycle:
        case Lifecycle.OPEN:
            cancel(order, reason, GiveBack.ALL)
        case Lifecycle.CONFIRMED:
            if order.cancel_request is None:
                order.cancel_request, order.cancel_wanted = new_id(), reason
                order.say(OrderCancelRequested)
        case _:
            raise NotCancellable(f"the order is {order.lifecycle}")
    return await keep(tx, change)


async def hold_order(
    tx: Transaction, order_id: UUID, kind: HoldKind, reason: str, if_match: int | None = None
) -> Order:
    """Stop an order until a person lets it go on."""
    change = await opened(tx, order_id, if_match)
    if change.order.lifecycle in {Lifecycle.COMPLETED, Lifecycle.CANCELLED}:
        raise Conflict(f"the order is {change.order.lifecycle}")
    change.order.hold(kind, str(new_id()), reason, now=change.now, by=tx.cause.actor)
    return await keep(tx, change)


async def release_order(tx: Transaction, order_id: UUID, kind: HoldKind, if_match: int | None = None) -> Order:
    """Lift every standing hold of a kind; NotHeld when there is none.

    With an import hold a person takes over an order as it was sold elsewhere: methods that have become known are
    used, and what nobody here can collect the marketplace does.
    """
    change = await opened(tx, order_id, if_match)
    if kind is HoldKind.IMPORT:
        order = change.order
        delivery, payment = await store.kinds_known_now(tx, order)
        order.delivery_kind = order.delivery_kind or delivery
        order.payment_kind = order.payment_kind or payment or PaymentKind.EXTERNAL
        order.settle()
    if not change.order.release(kind, now=change.now, by=tx.cause.actor):
        raise NotHeld(f"no hold of kind {kind} stands", field="kind")
    return await keep(tx, change)


async def make_ready(tx: Transaction, order_id: UUID, if_match: int | None = None) -> Order:
    """Say that the parcel may be booked now; NotConfirmed unless the order is confirmed and not held."""
    change = await opened(tx, order_id, if_match)
    order = change.order
    if order.lifecycle is not Lifecycle.CONFIRMED or order.standing:
        raise NotConfirmed(f"the order is {order.lifecycle}{' and held' if order.standing else ''}")
    if not order.ready:
        order.ready = True
        order.say(OrderReady)
    return await keep(tx, change)


async def ask_for_money(tx: Transaction, order_id: UUID) -> Order:
    """Its reservation deadline has come: payments says whether money is on its way."""
    change = await opened(tx, order_id)
    change.order.expiring = new_id()
    change.order.say(OrderExpiring)
    return await keep(tx, change)
