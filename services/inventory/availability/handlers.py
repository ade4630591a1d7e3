"""What may be sold, asked for now or published as it changes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.problems import NotFound
from services.inventory.availability import store
from services.inventory.availability.domain import Entry, explained, sellable
from services.inventory.catalogue import store as catalogue
from services.inventory.reservations import store as reservations
from services.inventory.reservations.pool import Waiting
from services.inventory.stock import store as stock
from services.inventory.stock.domain import Level

AT_ONCE = 500
LISTED = 1000


async def now(tx: Transaction, channel: str, skus: Collection[str]) -> dict[str, int]:
    """What the channel may sell of each of these SKUs now; 0 of what has no level. NotFound for an unknown channel."""
    depots = await catalogue.depots(tx)
    if not depots.knows(channel):
        raise NotFound(f"there is no channel {channel}", field="channel")
    levels = await stock.read(tx, skus)
    found = sellable(levels, await _queue(tx, skus), depots, (channel,))
    return {sku: found.get((channel, sku), 0) for sku in skus}


async def _queue(tx: Transaction, skus: Collection[str]) -> list[Waiting]:
    return await reservations.whole_queue(tx, skus)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A figure, the entries whose sum it is, and the levels they were read from."""

    available: int
    entries: list[Entry]
    levels: list[Level]


async def explain(tx: Transaction, sku: str, channel: str | None) -> Explanation:
    """How the figure of a channel comes about, or, without one, that of all depots together."""
    await tx.sql.execute(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    )  # one moment for all that is read
    depots = await catalogue.depots(tx)
    if channel is not None and not depots.knows(channel):
        raise NotFound(f"there is no channel {channel}", field="channel")
    asked = depots.of(channel or "")
    levels = await stock.read(tx, [sku])
    queue = await _queue(tx, [sku])
    left = sellable(levels, queue, depots, (channel or "",)).get((channel or "", sku), 0)
    holders = await store.newest_holders(tx, sku, LISTED)
    return Explanation(left, explained(levels, holders, queue, asked, left), levels)


async def publish(uow: UnitOfWork, every: timedelta) -> int:
    """Publish what changed, then what was not published for `every`; a bounded round, how many SKUs it looked at."""
    async with uow(Cause(actor="system:inventory")) as tx:
        if not await store.is_only_publisher(tx):
            return 0
        due = await store.take_due(tx, AT_ONCE)
        old = set() if due else await store.take_old(tx, every, AT_ONCE)
        if not (skus := due | old):
            return 0
        depots = await catalogue.depots(tx)
        before = await store.published(tx, skus)
        found = sellable(await stock.read(tx, skus), await _queue(tx, skus), depots, depots.channels)
        rows = [
            (channel, sku, available)
            for (channel, sku), available in sorted(found.items())
            if (known := before.get((channel, sku))) is None or sku in old or known.available != available
        ]
        if rows:
            await tx.emit_all([(row, row.fact()) for row in await store.publish(tx, rows)])
        return len(skus)
