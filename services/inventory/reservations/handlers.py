"""Commands about reservations: follow an order, and serve those that wait when goods come."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Following:
    """A reservation on its way to what its order asks for: through which channel, since when, and because of what.

    `changes`: what that asks of the levels, so far.
    """

    reservation: Reservation
    channel: str
    placed_at: datetime
    may_wait: bool
    cause: Cause
    changes: list[Change] = field(default_factory=list)
    said: tuple[object, ...] = field(init=False)
    waited: bool = field(init=False)

    def __post_init__(self) -> None:
        """Remember how it was."""
        self.said = self.reservation.essence()
        self.waited = self.reservation.waits

    @property
    def is_another(self) -> bool:
        """Whether others are to be told."""
        return self.reservation.essence() != self.said


async def bring(tx: Transaction, told: Sequence[tuple[OrderSnapshot, Cause]]) -> None:
    """Bring the reservations of these orders to what their newest snapshots ask for, whichever fact brought them.

    Again is harmless; a historic order is none of ours; facts say only what changed. Whatever the number of orders,
    everybody locks what is known of orders by their ids, then levels by their places, each in one statement: two that
    bring the same orders or goods wait for each other, never in a circle.
    """
    newest: dict[UUID, tuple[OrderSnapshot, Cause]] = {}
    for order, cause in told:
        if not order.historic and (order.id not in newest or order.version > newest[order.id][0].version):
            newest[order.id] = (order, cause)
    if not newest:
        return
    asking = await store.learned(tx, [(order, asked_by(order)) for order, _ in newest.values()])
    known = await store.of_orders(tx, [order for order, is_new in asking.items() if not is_new])
    brought = []
    for order, cause in newest.values():
        if order.id in asking:
            reservation = known.get(order.id) or Reservation.begun(order.id)
            may_wait = order.on_shortage == OnShortage.WAIT
            each = Following(reservation, order.channel, order.placed_at, may_wait=may_wait, cause=cause)
            each.changes += reservation.follow(order)
            if not reservation.is_nothing and (each.changes or each.is_another):
                brought.append(each)
    if brought:
        await _settle(tx, brought)


async def _settle(tx: Transaction, brought: Sequence[Following]) -> None:
    """Make their changes, look for the goods that are missing, one order after the other, and write all of it."""
    seeking = [each for each in brought if each.reservation.state is None]
    depots = await catalogue.depots(tx) if seeking else None
    levels = await _levels(tx, brought, depots)
    queues: dict[UUID, list[Waiting]] = {}
    for each in brought:
        _apply(each.changes, levels)
        order_id = each.reservation.order_id
        if depots and each.reservation.state is None:
            if order_id not in queues:
                queues = await store.queues_before(tx, [_asks(other) for other in seeking])
            await _look(tx, each, levels, queues[order_id], depots)
        if each in seeking:
            seeking.remove(each)
        if each.waited or each.reservation.waits:
            await _stand(tx, each)
            queues = {}  # whoever comes next sees the queue as it is now
    await _save(tx, brought, levels)


def _asks(each: Following) -> tuple[UUID, datetime, Collection[str]]:
    return each.reservation.order_id, each.placed_at, each.reservation.wanted


async def _levels(tx: Transaction, brought: Sequence[Following], depots: Depots | None) -> dict[Place, Level]:
    """The levels that their changes move, and those where they may look for goods, locked together.

    RefusedFact where a depot is none of ours.
    """
    moved = {change.place for each in brought for change in each.changes}
    also = set()
    for each in brought:
        if depots and each.reservation.state is None:
            asked = depots.of(each.channel)
            also |= {Place(sku, depot) for sku in each.reservation.wanted for depot in asked} | each.reservation.places
    levels = await levels_store.opened(tx, moved, also) if moved or also else {}
    if strange := {place.depot for place in moved - set(levels)}:
        raise RefusedFact(f"there is no depot {', '.join(sorted(strange))}")
    return levels


async def _look(
    tx: Transaction, each: Following, levels: dict[Place, Level], before_us: Sequence[Waiting], depots: Depots
) -> None:
    """Look for the goods that are missing, under the locks of every level concerned."""
    asked = depots.of(each.channel)
    pool = await _pool(tx, each.reservation.wanted, levels, before_us, depots)
    found = each.reservation.look(pool, asked, may_wait=each.may_wait)
    _apply(found, levels)
    each.changes += found


async def _pool(
    tx: Transaction,
    skus: Collection[str],
    levels: dict[Place, Level],
    before_us: Sequence[Waiting],
    depots: Depots,
) -> Pool:
    """What is left for us of these SKUs when all who stand before us have had theirs."""
    pool = Pool({place: level.available for place, level in levels.items() if place.sku in skus})
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


async def _stand(tx: Transaction, each: Following) -> None:
    """Keep its place in the queue, or leave it."""
    reservation = each.reservation
    if each.waited:
        await store.leave_queue(tx, reservation.order_id)
    if reservation.waits:
        await store.join_queue(tx, reservation.order_id, reservation.wanted)


async def _save(tx: Transaction, brought: Sequence[Following], levels: dict[Place, Level]) -> None:
    """Write them and their levels, and tell the world what is another now: a level once, however many moved it."""
    await store.write(tx, [each.reservation for each in brought])
    others = [each for each in brought if each.is_another]
    facts = [(each.reservation, each.reservation.fact(each.changes)) for each in others]
    await tx.emit_all(facts, [each.cause for each in others])
    causes = {change.place: each.cause for each in brought for change in each.changes}
    await stock.save(tx, list(levels.values()), causes)


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
    depots = await catalogue.depots(tx)
    each = Following(reservation, *known, may_wait=True, cause=tx.cause)
    reservation.state = None  # it looks again
    levels = await _levels(tx, [each], depots)
    queues = await store.queues_before(tx, [_asks(each)])
    await _look(tx, each, levels, queues[order_id], depots)
    if not each.changes:
        return False
    await _stand(tx, each)
    await _save(tx, [each], levels)
    return True
