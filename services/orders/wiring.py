"""Who takes part when an order moves: the rooms above lifecycle, from the rules down to the read table."""

from libs.events.transaction import Transaction
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.rooms import Rooms, wire
from services.orders.profit.handlers import judge


async def listens(_: Transaction, __: str) -> bool:
    """There are no rules yet."""
    return False


async def react(_: Transaction, change: Change) -> None:
    """There are no rules yet."""
    change.told.clear()


wire(Rooms(judge=judge, listens=listens, react=react, follow=()))
