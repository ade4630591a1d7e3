"""Looking whether timelines are what was written: of one order over HTTP, of all of them by `verify-audit`."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from libs.events.transaction import Cause, Transaction
from libs.service.service import Context
from services.orders.lifecycle import audit_store as store
from services.orders.lifecycle.audit import Break, Walk
from services.orders.settings import Settings

TOLD_EVERY = 10_000
"""Orders between two lines about how far it is."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of one order's timeline."""

    order_id: UUID
    number: str
    events: int
    since: int | None  # the first number that is chained
    breaks: tuple[Break, ...]


async def look_at(tx: Transaction, ids: list[UUID]) -> list[Looked]:
    """Go along the timelines of these orders, as they are at one instant."""
    done: list[Looked] = []
    walk, order = None, None
    async for row in store.chained(tx, ids):
        if walk is None or order is None or walk.order_id != row["id"]:
            if walk is not None and order is not None:
                done.append(_ended(walk, order))
            walk, order = Walk(row["id"]), (row["order_number"], row["events"], row["head"])
        if row["number"] is not None:
            walk.step(row)
    if walk is not None and order is not None:
        done.append(_ended(walk, order))
    return done


def _ended(walk: Walk, order: tuple[str, int, bytes | None]) -> Looked:
    number, events, head = order
    walk.end(events, head)
    return Looked(walk.order_id, number, events, walk.since, tuple(walk.breaks))


async def verify(context: Context[Settings], options: Mapping[str, str | None]) -> int:
    """Look at every order's timeline, or at one; a line for each place where it breaks, and 1 where there is any."""
    number, after, orders, events, broken, unchained = options.get("order"), None, 0, 0, 0, 0
    while True:
        async with context.uow(Cause("system:orders")) as tx:
            ids = await store.order_ids(tx, after, number)
            looked = await look_at(tx, ids)
        for each in looked:
            broken += bool(each.breaks)
            unchained += each.since != 1
            _tell(f"order {each.number}: event {found.number} {found.what}" for found in each.breaks)
        before, orders, events = orders, orders + len(looked), events + sum(each.events for each in looked)
        if before // TOLD_EVERY < orders // TOLD_EVERY:
            print(f"{orders} orders so far", file=sys.stderr)  # noqa: T201 - a person waits for it
        if number is not None or not ids:
            break
        after = ids[-1]
    if number is not None and not orders:
        print(f"there is no order {number}", file=sys.stderr)  # noqa: T201 - a person reads it
        return 2
    _tell([f"{orders} orders, {events} events: {f'{broken} orders are broken' if broken else 'the audit holds'}"])
    if unchained:
        _tell([f"{unchained} orders have events of before the chain ran: those are only counted"])
    return 1 if broken else 0


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201 - a person reads it
