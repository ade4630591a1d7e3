"""Applying a status to an order: by a person, by a rule, and the publication of what was applied."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from libs.contracts.statuses import StatusType
from libs.events.transaction import Transaction, new_id
from libs.service.problems import Conflict, Invalid, NotFound
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.handlers import AtALoss, keep, opened, take_steps
from services.orders.lifecycle.timeline import Entry as Line
from services.orders.statuses import entry_store, store
from services.orders.statuses.domain import Definition, Mode
from services.orders.statuses.entries import Around, Entry, StatusesOff, Wish, put

PUBLICATION = "status.publication"
"""How a switched publication is called in the timeline."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of it: an entry, or None where the status stood already; or the order was held instead."""

    change: Change
    definition: Definition
    entry: Entry | None = None
    refusal: Conflict | None = None


async def apply_status(
    tx: Transaction,
    order_id: UUID,
    status: str,
    actions: Mapping[str, bool],
    comment: str | None,
    if_match: int | None = None,
) -> Applied:
    """Let an order have a status, by its id or mnemonic, and do what follows; Conflict where it may not be."""
    change = await opened(tx, order_id, if_match)
    definition = (await named(tx, [status]))[status]
    return await apply(tx, change, Wish(definition, actions, comment))


async def apply(tx: Transaction, change: Change, wish: Wish) -> Applied:
    """The same for an order in hand. A refusal that has moved the order is kept with it, and answered by the caller."""
    before, refusal, entry = change.order.version, None, None
    around = await entry_store.around(tx, [change.order.id])
    try:
        entry = await give(tx, change, wish, around)
    except Conflict as refused:
        if change.order.version == before:
            raise
        refusal = refused
    if entry is not None:
        await entry_store.write(tx, [entry])
    if change.order.version != before:
        await keep(tx, change)
    return Applied(change, wish.definition, entry, refusal)


async def give(tx: Transaction, change: Change, wish: Wish, around: Around) -> Entry | None:
    """`put` by whoever acts. Whoever asks to complete an order lets it take every step that follows first."""
    order = change.order
    if wish.definition.type is StatusType.COMPLETED:
        await take_steps(tx, change)
        if order.stopped_at_loss:
            raise AtALoss
    return put(change, wish, around, tx.cause.actor)


async def named(tx: Transaction, names: Collection[str]) -> dict[str, Definition]:
    """The statuses of these ids or mnemonics; Invalid names the first that there is not."""
    means = await store.by_name(tx, names)
    for name in names:
        if name not in means:
            raise Invalid(f"there is no status {name}", field="status")
    return means


async def publish(tx: Transaction, order_id: UUID, entry_id: UUID, *, published: bool, if_match: int | None) -> Order:
    """Let the customer see an entry, or not any more; it stands in the order's timeline."""
    change = await opened(tx, order_id, if_match)
    found = await entry_store.entry(tx, order_id, entry_id)
    if found is None:
        raise NotFound("the order has no such entry")
    mode, _ = await store.mode(tx)
    if published and mode in {Mode.OFF, Mode.INTERNAL}:
        raise StatusesOff(f"nothing is published while statuses are {mode}", field="published")
    if found["published"] == published:
        return change.order
    await entry_store.publish(tx, entry_id, published=published)
    change.order.version += 1
    change.entries.append(_switched(tx, change, entry_id, published=published))
    return await keep(tx, change)


def _switched(tx: Transaction, change: Change, entry_id: UUID, *, published: bool) -> Line:
    cause = tx.cause
    detail: dict[str, Any] = {"entry": str(entry_id)}
    who = (cause.actor, cause.correlation_id, cause.causation_id)
    states = ({"published": not published}, {"published": published})
    return Line(new_id(), PUBLICATION, change.now, *who, detail, *states)
