"""Facts shipping listens to: every fact about an order brings its snapshot."""

from libs.contracts.orders import (
    OrderCancelled,
    OrderCancelRefused,
    OrderCancelRequested,
    OrderChanged,
    OrderCompleted,
    OrderConfirmed,
    OrderCreated,
    OrderDelivered,
    OrderExpiring,
    OrderFact,
    OrderHeld,
    OrderPaid,
    OrderReady,
    OrderReleased,
    OrderReopened,
    OrderReserved,
    OrderReturned,
    OrderShipped,
)
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from libs.service import keys
from services.shipping import handlers

consumer = Consumer("shipping")
keys.register(consumer)


@consumer.on(
    OrderCreated, OrderReserved, OrderConfirmed, OrderReady, OrderChanged, OrderExpiring, OrderCancelRequested,
    OrderCancelRefused, OrderCancelled, OrderReopened, OrderHeld, OrderReleased, OrderPaid, OrderShipped,
    OrderDelivered, OrderReturned, OrderCompleted,
)  # fmt: skip
async def order_told(tx: Transaction, event: OrderFact) -> None:
    """Whatever happened to an order, its newest snapshot says what is to be shipped."""
    await handlers.bring(tx, event.order, event.person)
