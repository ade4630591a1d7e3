"""Deadlines: a timer is a column, fired under the order's lock by the database's own clock."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.loops import Loop
from services.orders.lifecycle import deadline_store, handlers
from services.orders.lifecycle.domain import Order

ACTOR = "system:orders"


def loop(uow: UnitOfWork, every: timedelta) -> Loop:
    """Asks payments about each order whose reservation deadline has come."""
    return Loop("deadlines", every, lambda: fire(uow, deadline_store.due, handlers.ask_for_money))


def late_loop(uow: UnitOfWork, every: timedelta) -> Loop:
    """Alerts of each order that is late with payment or delivery."""
    return Loop("lateness", every, lambda: fire(uow, deadline_store.late, handlers.tell_late))


async def fire(
    uow: UnitOfWork,
    due: Callable[[Transaction, int], Awaitable[list[UUID]]],
    act: Callable[[Transaction, UUID], Awaitable[Order]],
) -> int:
    """Do what is due for one order, which this process has locked; any number of processes may."""
    async with uow(Cause(ACTOR)) as tx:
        found = await due(tx, 1)
        for order_id in found:
            await act(tx, order_id)
    return len(found)
