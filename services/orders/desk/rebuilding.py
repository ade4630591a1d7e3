"""`rebuild-lists`: the read table and the counters written anew from the orders, while these move."""

import sys
import time
from collections.abc import Mapping

from libs.events.transaction import Cause
from libs.service.service import Context
from services.orders.desk import counters
from services.orders.desk.filling import BATCH, NEWEST, rebuild_some
from services.orders.settings import Settings

TOLD_EVERY = 50 * BATCH
"""Orders between two lines about how far it is."""


async def rebuild(context: Context[Settings], _: Mapping[str, str | None]) -> int:
    """Every order, the newest first, some at a time, each lot under its lock and committed; then the counters."""
    began, done, before = time.monotonic(), 0, NEWEST
    while True:
        some, before = await rebuild_some(context.uow, before)
        if not some:
            break
        done += some
        if done % TOLD_EVERY < some:
            _tell(f"{done} orders after {time.monotonic() - began:.0f} s")
    async with context.uow(Cause(counters.ACTOR)) as tx:
        differed = await counters.recount(tx)
    _tell(f"{done} orders are in the lists, {differed} counters put right, {time.monotonic() - began:.0f} s")
    return 0


def _tell(line: str) -> None:
    print(f"orders: {line}", file=sys.stderr, flush=True)  # noqa: T201 - a person waits for it
