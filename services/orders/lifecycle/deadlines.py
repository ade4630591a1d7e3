"""Deadlines: a timer is a column, fired under the order's lock by the database's own clock."""

from datetime import timedelta

from libs.events.transaction import Cause, UnitOfWork
from libs.service.loops import Loop
from services.orders.lifecycle import handlers, store

ACTOR = "system:orders"


def loop(uow: UnitOfWork, every: timedelta) -> Loop:
    """Asks payments about each order whose reservation deadline has come."""

    async def run() -> int:
        async with uow(Cause(ACTOR)) as tx:
            due = await store.due(tx, batch=1)
            for order_id in due:
                await handlers.ask_for_money(tx, order_id)
        return len(due)

    return Loop("deadlines", every, run)
