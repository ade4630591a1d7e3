"""Lists made complete by themselves: the worker looks for orders without their rows, or with rows of an older form.

It walks over all orders, the newest first, some at a time, in a transaction each, and says in its row how far it is:
whoever comes next goes on there, one at a time over all processes. A walk that has ended is made again after a while,
because a process of an older version may have written since.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter, Gauge

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.loops import Loop
from services.orders.desk import counters
from services.orders.desk.read_table import FORM, write
from services.orders.lifecycle import store as orders

BATCH = 200
"""Orders under lock at once in `rebuild-lists`."""
QUIET = 50
"""Orders under lock at once beside other work."""
LOOK = 2_000
"""Orders looked at in a round that writes nothing."""
TOLD_EVERY = 10_000
"""Orders written between two lines in the log."""
NEWEST = UUID(int=2**128 - 1)
"""Behind every order's id: where a walk begins."""
_POLL = timedelta(seconds=10)
_LEFT = Gauge("comanda_lists_unchecked", "About how many orders the check of lists has still to look at.")
_WRITTEN = Counter("comanda_lists_written_total", "Orders that lists lacked, or showed in an older form, until now.")
_TAKE = """
SELECT c.form, c.anew, c.before, c.looked, c.written,
       greatest((SELECT reltuples FROM pg_class WHERE oid = 'orders'::regclass)::bigint - c.looked, 0) AS left,
       c.ended_at IS NOT NULL AND c.ended_at > now() - $1::interval AS resting, c.ended_at IS NOT NULL AS ended
FROM list_check c FOR UPDATE OF c SKIP LOCKED
"""
_GONE_ON = "UPDATE list_check SET form = $1, anew = $2, before = $3, looked = $4, written = $5, ended_at = NULL"
_ENDED = "UPDATE list_check SET form = $1, ended_at = now()"
_OLDER = "SELECT id FROM orders WHERE id < $1 ORDER BY id DESC LIMIT $2"
_LOOK = f"""
SELECT o.id, $3 OR l.order_id IS NULL OR w.placed_at IS NULL AS lacking
FROM ({_OLDER}) o LEFT JOIN order_list l ON l.order_id = o.id LEFT JOIN order_search w ON w.order_id = o.id
ORDER BY o.id DESC
"""  # noqa: S608 - constants
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a walk is; `anew`: every row is of an older form."""

    before: UUID
    looked: int
    written: int
    left: int
    anew: bool


def loop(uow: UnitOfWork, every: timedelta) -> Loop:
    """Look for what lists lack, `every` so often, at most half of the time while something is written."""

    async def run() -> int:
        began = time.monotonic()
        async with uow(Cause(counters.ACTOR)) as tx:
            looked, written = await step(tx, every)
        if written:
            await asyncio.sleep(time.monotonic() - began)
        return looked

    return Loop("lists", min(every, _POLL), run)


async def step(tx: Transaction, every: timedelta) -> tuple[int, int]:
    """Go on for a bit: how many orders were looked at, and how many written; none while another process is at it."""
    walk = await _taken(tx, every)
    if walk is None:
        return 0, 0
    looked, lacking = await _next(tx, walk)
    if not looked:
        await _end(tx, walk)
        return 0, 0
    if lacking:
        found, _ = await orders.locked_all(tx, lacking)
        await write(tx, list(found.values()), anew=True)
    seen, written = walk.looked + len(looked), walk.written + len(lacking)
    await tx.sql.execute(_GONE_ON, FORM, walk.anew, looked[-1], seen, written)
    _tell(walk, len(looked), written)
    return len(looked), len(lacking)


async def rebuild_some(uow: UnitOfWork, before: UUID) -> tuple[int, UUID]:
    """Write some orders' rows anew, the newest of those older than `before`; how many, and where to go on."""
    async with uow(Cause(counters.ACTOR)) as tx:
        ids = [row["id"] for row in await tx.sql.fetch(_OLDER, before, BATCH)]
        found, _ = await orders.locked_all(tx, ids)
        if found:
            await write(tx, list(found.values()), anew=True)
    return len(ids), ids[-1] if ids else before


async def _taken(tx: Transaction, every: timedelta) -> Walk | None:
    """The walk to go on with, or a new one; None while there is none due, or somebody else goes on with it."""
    row = await tx.sql.fetchrow(_TAKE, every)
    if row is None or row["form"] > FORM:  # a newer version's own
        return None
    if row["form"] == FORM and row["resting"]:
        _LEFT.set(0)
        return None
    if row["form"] < FORM or row["ended"]:
        return Walk(NEWEST, 0, 0, row["left"] + row["looked"], anew=row["form"] < FORM)
    return Walk(row["before"], row["looked"], row["written"], row["left"], row["anew"])


async def _next(tx: Transaction, walk: Walk) -> tuple[list[UUID], list[UUID]]:
    """The orders that are looked at now, and those of them to be written."""
    looked, lacking = [], []
    for row in await tx.sql.fetch(_LOOK, walk.before, QUIET if walk.anew else LOOK, walk.anew):
        looked.append(row["id"])
        if row["lacking"]:
            lacking.append(row["id"])
        if len(lacking) == QUIET:
            break
    return looked, lacking


async def _end(tx: Transaction, walk: Walk) -> None:
    """Everything was looked at; what was written may have been counted before its rows were lost."""
    differed = await counters.recount(tx) if walk.written else 0
    await tx.sql.execute(_ENDED, FORM)
    _LEFT.set(0)
    if walk.written:
        told = {"looked_at": walk.looked, "written": walk.written, "counters_put_right": differed}
        log.info("lists hold every order", extra=told)


def _tell(walk: Walk, looked: int, written: int) -> None:
    _LEFT.set(max(walk.left - looked, 0))
    _WRITTEN.inc(written - walk.written)
    if written // TOLD_EVERY > walk.written // TOLD_EVERY:
        told = {"looked_at": walk.looked + looked, "written": written, "left_about": max(walk.left - looked, 0)}
        log.info("lists are being filled", extra=told)
