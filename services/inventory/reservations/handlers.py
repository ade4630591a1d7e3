"""Commands about reservations: follow an order, and serve those that wait when goods come."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.contracts.orders import OnShortage, OrderSnapshot
from libs.events.consumer import RefusedFact
from libs.events.transaction import Cause, Transaction, UnitOfWork
from services.inventory.catalogue import store as catalogue
from services.inventory.catalogue.domain import Depots
from services.inventory.reservations import store
from services.inventory.reservations.domain import Reservation, asked_by
from services.inventory.reservations.lines import Change, What
from services.inventory.reservations.pool import Pool, Waiting, servable
from services.inventory.stock import handlers as stock
from services.inventory.stock import store as levels_store
from services.inventory.stock.domain import Level, Place

AT_ONCE = 50
"""Waiting orders served in one round, each in a transaction of its own."""


async def bring(tx: Transaction, order: OrderSnapshot) -> None:
    """Bring the order's reservation to what its newest snapshot asks for, whichever fact brought it; again is harmless.

    A historic order is none of ours. Facts say only what changed.
    """
    if order.historic or not await store.learned(tx, order, asked_by(order)):
        return
    reservation = await store.of_order(tx, order.id) or Reservation.begun(order.id)
    said = reservation.essence()
    waited = reservation.waits
    changes = reservation.follow(order)
    if reservation.is_nothing or not (changes or reservation.essence() != said):
        return
    if reservation.state is None:
        asking = Asking(order.channel, order.placed_at, may_wait=order.on_shortage == OnShortage.WAIT)
        levels = await _look(tx, reservation, asking, changes)
    else:
        levels = await _levels(tx, changes)
        _apply(changes, levels)
    await _save(tx, reservation, levels, changes, waited=waited, said=said)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for goods: through which channel, since when, and whether they may wait for them."""

    channel: str
    placed_at: datetime
    may_wait: bool


async def _levels(tx: Transaction, changes: Sequence[Change], also: Collection[Place] = ()) -> dict[Place, Level]:
    """The levels that these changes move, and `also` those that exist there, locked together.

    RefusedFact where a depot is none of ours.
    """
    moved = {change.place for change in changes}
    levels = await levels_store.opened(tx, moved, also) if moved or also else {}
    if strange := {place.depot for place in moved - set(levels)}:
        raise RefusedFact(f"there is no depot {', '.join(sorted(strange))}")
    return levels


async def _look(tx: Transaction, reservation: Reservation, asking: Asking, changes: list[Change]) -> dict[Place, Level]:
    """Make `changes`, then look for the goods that are missing, under the locks of every level concerned.

    `changes` grows by what that asks of the levels.
    """
    depots = await catalogue.depots(tx)
    asked = depots.of(asking.channel)
    wanted = reservation.wanted
    levels = await _levels(tx, changes, {Place(sku, depot) for sku in wanted for depot in asked} | reservation.places)
    _apply(changes, levels)
    before_us = await store.queue_before(tx, wanted, asking.placed_at, reservation.order_id)
    pool = await _pool(tx, levels, before_us, depots)
    found = reservation.look(pool, asked, may_wait=asking.may_wait)
    _apply(found, levels)
    changes += found
    return levels


async def _pool(tx: Transaction, levels: dict[Place, Level], before_us: Sequence[Waiting], depots: Depots) -> Pool:
    """What is left for us of these levels when all who stand before us have had theirs."""
    pool = Pool({place: level.available for place, level in levels.items()})
    if before_us:
        for level in await levels_store.read(tx, {each.sku for each in before_us}):
            pool.free.setdefault(level.place, level.available)  # they may get it from a depot that we do not ask
        pool.set_aside(before_us, depots)
    return pool


def _apply(changes: Sequence[Change], levels: dict[Place, Level]) -> None:
    for change in changes:
        level = levels[change.place]
        match change.what:
            case What.RESERVE:
                level.reserve(change.quantity)
            case What.RELEASE:
                level.release(change.quantity)
            case What.DEDUCT:
                level.deduct(change.quantity, change.held, change.source)
            case What.TAKE_BACK:
                level.take_back(change.quantity, change.source)


async def _save(
    tx: Transaction,
    reservation: Reservation,
    levels: dict[Place, Level],
    changes: Sequence[Change],
    *,
    waited: bool,
    said: tuple[object, ...],
) -> None:
    """Write it and its levels, keep its place in the queue, and tell the world what is another now."""
    await store.write(tx, reservation)
    if waited:
        await store.leave_queue(tx, reservation.order_id)
    if reservation.waits:
        await store.join_queue(tx, reservation.order_id, reservation.wanted)
    if reservation.essence() != said:
        await tx.emit(reservation, reservation.fact(changes))
    await stock.save(tx, list(levels.values()))


async def serve_waiting(uow: UnitOfWork) -> int:
    """Reserve for waiting orders that can be served now, oldest first; how many were served.

    Nobody is overtaken: what an older order still waits for is not given to a younger one, nor to a new one.
    """
    async with uow(Cause(actor="system:inventory")) as tx:
        if not await store.goods_are_waited_for(tx):
            return 0
        waiting = await store.queue(tx)
        depots = await catalogue.depots(tx)
        found = await levels_store.read(tx, {sku for order in waiting for sku in order.wanted})
    pool = Pool({level.place: level.available for level in found})
    served = 0
    for order_id in servable(pool, waiting, depots)[:AT_ONCE]:
        async with uow(Cause(actor="system:inventory")) as tx:
            served += await serve(tx, order_id)
    return served


async def serve(tx: Transaction, order_id: UUID) -> bool:
    """Reserve for one waiting order if all it wants is there for it; False, and nothing is done, when it is not."""
    known = await store.locked_order(tx, order_id)
    reservation = await store.of_order(tx, order_id)
    if known is None or reservation is None or not reservation.waits:
        return False
    said = reservation.essence()
    changes: list[Change] = []
    levels = await _look(tx, reservation, Asking(*known, may_wait=True), changes)
    if not changes:
        return False
    await _save(tx, reservation, levels, changes, waited=True, said=said)
    return True
