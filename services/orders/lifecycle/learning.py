"""What other services say about orders: a transaction's facts are taken in together, and then what follows is done."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from uuid import UUID

from libs.events.consumer import Heard, RefusedFact
from libs.events.transaction import Transaction
from services.orders.lifecycle import store, timeline, timeline_store
from services.orders.lifecycle.axes import Part
from services.orders.lifecycle.change import Change, Told
from services.orders.lifecycle.handlers import keep_all
from services.orders.lifecycle.rooms import rooms


@dataclass(frozen=True, slots=True)
class News:
    """A fact about an order, what its timeline shows of it, and what it says of its part, where it moves one."""

    heard: Heard[Any]
    order_id: UUID
    detail: dict[str, Any]
    part: Part | None = None

    @property
    def topic(self) -> str:
        """Which fact it is."""
        return self.heard.fact.type

    @property
    def entry(self) -> timeline.Entry:
        """What the timeline gets."""
        return timeline.heard(self.heard.fact, self.detail)


async def learn(tx: Transaction, told: Sequence[News]) -> Collection[UUID]:
    """Take in what services say, then do what follows from everything known; which of these orders there are.

    Whatever their number, all orders are locked by one statement, in sorted order, and a few statements read and
    write them; the facts of one order are taken one after the other, in the order given. RefusedFact where a part is
    of an order that there is not; what moves no part of it is passed over then.
    """
    topics = {each.topic for each in told if each.part is None}
    quiet = topics - await rooms().listens(tx, topics) if topics else topics
    by_order: dict[UUID, list[News]] = defaultdict(list)
    for each in told:
        by_order[each.order_id].append(each)
    if len(by_order) > 1 and quiet:
        await store.lock(tx, by_order)
    there: set[UUID] = set()
    for turn in zip_longest(*by_order.values()):
        news = [each for each in turn if each is not None]
        there |= await _note(tx, [each for each in news if each.topic in quiet])
        there |= await _move(tx, [each for each in news if each.topic not in quiet])
    return there


async def _note(tx: Transaction, news: Sequence[News]) -> set[UUID]:
    """Write one fact into the timeline of each of these orders; which of them there are."""
    return await timeline_store.note(tx, [(each.order_id, each.entry) for each in news]) if news else set()


async def _move(tx: Transaction, news: Sequence[News]) -> set[UUID]:
    """Take in one fact about each of these orders; which of them there are."""
    if not news:
        return set()
    found, now = await store.locked_all(tx, [each.order_id for each in news])
    changes = []
    for each in news:
        if each.order_id in found and now is not None:
            changes.append(_heard(Change(found[each.order_id], now, each.heard.cause), each))
        elif each.part is not None:
            raise RefusedFact(f"there is no order {each.order_id}")
    await keep_all(tx, changes)
    return set(found)


def _heard(change: Change, news: News) -> Change:
    entry, order, part = news.entry, change.order, news.part
    change.entries.append(entry)
    change.told.append(Told(entry.event_id, news.heard.event, news.heard.cause.depth))
    if part is not None and order.heard.learn(part):
        order.version += 1
        change.heard = order.heard.newest(part)
    return change
