"""Forgetting a customer: here in one transaction, elsewhere by `customer.erased`, in the embedded log soon after."""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from libs.contracts.customers import CustomerErased
from libs.events.bus import Bus
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.service.loops import Loop
from libs.service.personal import Erasing
from libs.service.problems import Conflict, FieldError, NotFound
from libs.service.service import Context
from services.orders.base import metadata
from services.orders.customers import store
from services.orders.customers.tables import CustomerRow
from services.orders.lifecycle import timeline_store
from services.orders.lifecycle.timeline import Entry
from services.orders.settings import Settings

SHOWN = 20
IN_A_FACT = 10_000
"""So many orders does one `customer.erased` name; a customer of more is told of in several."""
LOOP = "erasures"
WHAT_TO_DO = "let it end or cancel it, then erase: goods and money on their way need to know whose they are"


class OrdersRunning(Conflict):
    """The customer has orders that have not ended."""

    slug = "orders-running"


@lru_cache(1)
def eraser() -> Erasing:
    """By the marks in all tables of orders."""
    return Erasing(metadata)


async def erase(tx: Transaction, customer_id: UUID, reason: str) -> dict[str, Any]:
    """Forget a customer and the person of each of their orders; what was done.

    OrdersRunning while an order of theirs is open or confirmed. Again is as once. Whoever is placing an order of theirs
    at this instant is waited for; who comes later finds nobody, and makes a new customer.
    """
    row = await store.alone_with_customer(tx, customer_id)
    if row is None:
        raise NotFound("there is no such customer")
    if running := await store.running_orders(tx, customer_id, SHOWN):
        raise OrdersRunning(
            f"an order of theirs has not ended: {', '.join(each['number'] for each in running)}",
            errors=[FieldError(each["number"], f"is {each['lifecycle']}: {WHAT_TO_DO}") for each in running],
        )
    theirs = await store.locked_orders(tx, customer_id)
    erased_at = await store.mark_erased(tx, customer_id)
    done = await eraser().forget(tx, theirs, customer_id)
    version = row["version"] + 1
    aggregate = CustomerRow(id=customer_id, version=version, email_verified=False)
    facts = [
        CustomerErased(id=customer_id, version=version, orders=tuple(theirs[first : first + IN_A_FACT]))
        for first in range(0, max(1, len(theirs)), IN_A_FACT)
    ]
    told = await tx.emit(aggregate, *facts)
    cause = tx.cause
    who = (cause.actor, cause.correlation_id, cause.causation_id)
    entry = Entry(told[0], CustomerErased.topic, erased_at, *who, {})
    await timeline_store.note(tx, [(order, entry) for order in theirs])
    erasure = (new_id(), customer_id, erased_at, cause.actor, reason, theirs, json.dumps(done))
    await store.note_erasure(tx, *erasure)
    return {"id": customer_id, "erased_at": erased_at, "orders": len(theirs), "rows": done}


async def go_through_log(uow: UnitOfWork, bus: Bus) -> int:
    """Take those erased out of the embedded log: at once, and again for what was on its way into it; how many."""
    async with uow(Cause("system:orders")) as tx:
        due = await store.log_due(tx, 10)
    for erasure_id, theirs in due:
        for first in range(0, len(theirs), 500):
            await bus.forget([str(order) for order in theirs[first : first + 500]])
        async with uow(Cause("system:orders")) as tx:
            await store.log_done(tx, erasure_id)
    return len(due)


def loop(context: Context[Settings]) -> Loop:
    """The loop that does it."""
    return Loop(LOOP, timedelta(seconds=10), lambda: go_through_log(context.uow, context.bus), context.wake[LOOP])
