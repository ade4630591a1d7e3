"""Who takes part when an order moves: the rooms above lifecycle, from the rules down to the read table."""

from libs.events.transaction import Transaction
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Judged
from services.orders.lifecycle.rooms import Rooms, wire


async def judge(_: Transaction, change: Change) -> None:
    """Nothing is known of costs yet."""
    change.order.judged = Judged.FINE


async def listens(_: Transaction, __: str) -> bool:
    """There are no rules yet."""
    return False


async def react(_: Transaction, change: Change) -> None:
    """There are no rules yet."""
    change.told.clear()


wire(Rooms(judge=judge, listens=listens, react=react, follow=()))
