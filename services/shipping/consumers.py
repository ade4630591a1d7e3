"""Facts shipping listens to: every fact about an order brings its snapshot."""

from libs.contracts.orders import EVERY_ORDER_FACT, OrderFact
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from libs.service import keys, personal
from services.shipping import handlers
from services.shipping.erasing import erasing

consumer = Consumer("shipping")
keys.register(consumer)
personal.register(consumer, erasing)


@consumer.on(*EVERY_ORDER_FACT)
async def order_told(tx: Transaction, event: OrderFact) -> None:
    """Whatever happened to an order, its newest snapshot says what is to be shipped."""
    await handlers.bring(tx, event.order, event.person)
