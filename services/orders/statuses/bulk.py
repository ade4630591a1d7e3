"""A status for up to a thousand orders: in chunks, each one transaction, locked in sorted order, a few statements."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service import items
from libs.service.items import Key
from libs.service.problems import Conflict, Invalid, NotFound, Problem
from services.orders.lifecycle import store as orders
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.handlers import keep_all
from services.orders.statuses import entry_store, store
from services.orders.statuses.applying import give
from services.orders.statuses.domain import Definition
from services.orders.statuses.entries import Around, Entry, Wish

CHUNK = 500
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """One order, and what it is to get."""

    order_id: UUID
    status: str
    actions: Mapping[str, bool] = field(default_factory=dict)
    comment: str | None = None

    @property
    def digest(self) -> bytes:
        """What must be the same when the key is used again."""
        what = [str(self.order_id), self.status, sorted(self.actions.items()), self.comment]
        return hashlib.sha256(orjson.dumps(what)).digest()


async def apply_all(uow: UnitOfWork, cause: Cause, wanted: Sequence[Item], key: Key | None) -> list[Result]:
    """Give each order its status; one result each, in the order asked. What is done stays done when a chunk fails."""
    in_order = sorted(wanted, key=lambda item: item.order_id)
    found: dict[UUID, Result] = {}
    for start in range(0, len(in_order), CHUNK):
        chunk = in_order[start : start + CHUNK]
        async with uow(cause) as tx:
            found |= await _once(tx, chunk, key)
    return [found[item.order_id] for item in wanted]


async def _once(tx: Transaction, chunk: Sequence[Item], key: Key | None) -> dict[UUID, Result]:
    """The chunk, but what was done before under this key is only told again."""
    if key is None:
        return await _apply(tx, chunk)
    known = await items.begin(tx, key, {str(item.order_id): item.digest for item in chunk})
    done = {UUID(name): orjson.loads(body) for name, body in known.items()}
    fresh = await _apply(tx, [item for item in chunk if item.order_id not in done])
    await items.finish(tx, key, {str(order_id): orjson.dumps(result) for order_id, result in fresh.items()})
    return done | fresh


async def _apply(tx: Transaction, chunk: Sequence[Item]) -> dict[UUID, Result]:
    if not chunk:
        return {}
    means = await store.by_name(tx, {item.status for item in chunk})
    there, now = await orders.locked_all(tx, [item.order_id for item in chunk])
    around = await entry_store.around(tx, there)
    results: dict[UUID, Result] = {}
    changes: list[Change] = []
    entries: list[Entry] = []
    for item in chunk:
        order = there.get(item.order_id)
        if order is None or now is None:
            results[item.order_id] = _refused(item, NotFound("there is no such order"))
            continue
        if item.status not in means:
            results[item.order_id] = _refused(item, Invalid(f"there is no status {item.status}"))
            continue
        change = Change(order, now, tx.cause)
        before = order.version
        results[item.order_id] = await _one(tx, change, item, means[item.status], around, entries)
        if order.version != before:
            changes.append(change)
    await entry_store.write(tx, entries)
    await keep_all(tx, changes)
    for change in changes:
        results[change.order.id]["version"] = change.order.version
    return results


async def _one(
    tx: Transaction, change: Change, item: Item, definition: Definition, around: Around, entries: list[Entry]
) -> Result:
    try:
        entry = await give(tx, change, Wish(definition, item.actions, item.comment), around)
    except Conflict as refusal:
        return _refused(item, refusal)
    if entry is None:
        return {"order_id": str(item.order_id), "outcome": "noop"}
    entries.append(entry)
    return {"order_id": str(item.order_id), "outcome": "applied", "entry": str(entry.id)}


def _refused(item: Item, problem: Problem) -> Result:
    told = {"type": f"/problems/{problem.slug}", "status": problem.status.value, "detail": problem.detail}
    return {"order_id": str(item.order_id), "outcome": "refused", "problem": told}
