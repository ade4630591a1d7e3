"""Facts that payments reads: all about orders leads to one function."""

from libs.contracts.orders import EVERY_ORDER_FACT, OrderFact
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from libs.service import keys, personal
from services.payments import handlers
from services.payments.erasing import erasing

consumer = Consumer("payments")
keys.register(consumer)
personal.register(consumer, erasing)


@consumer.on(*EVERY_ORDER_FACT)
async def order_told(tx: Transaction, event: OrderFact) -> None:
    """Open, take, give back or let go of the order's money, as its newest snapshot asks."""
    await handlers.bring(tx, event.order)
