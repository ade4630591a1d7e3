"""Facts of others, each to its handler."""

from uuid import UUID

from libs.contracts import orders
from libs.contracts.customers import CustomerChanged
from libs.contracts.payments import PaymentPending
from libs.contracts.statuses import StatusChanged
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from libs.service import keys, personal
from services.notifications import handlers
from services.notifications.erasing import erasing

consumer = Consumer("notifications")
keys.register(consumer)
personal.register(consumer, erasing)


@consumer.on(
    orders.OrderCreated,
    orders.OrderReserved,
    orders.OrderConfirmed,
    orders.OrderReady,
    orders.OrderChanged,
    orders.OrderExpiring,
    orders.OrderCancelRequested,
    orders.OrderCancelRefused,
    orders.OrderCancelled,
    orders.OrderReopened,
    orders.OrderHeld,
    orders.OrderReleased,
    orders.OrderPaid,
    orders.OrderShipped,
    orders.OrderDelivered,
    orders.OrderReturned,
    orders.OrderCompleted,
    orders.OrderOverdue,
    StatusChanged,
)
async def order_said(tx: Transaction, event: orders.OrderFact) -> None:
    """Write what the fact asks for; any of them tells of the order."""
    await handlers.order_said(tx, event, _fact(tx))


@consumer.on(PaymentPending)
async def payment_pending(tx: Transaction, event: PaymentPending) -> None:
    """Tell how to pay."""
    await handlers.payment_said(tx, event, _fact(tx))


@consumer.on(CustomerChanged)
async def customer_changed(tx: Transaction, event: CustomerChanged) -> None:
    """Know how a customer wants to be told."""
    await handlers.customer_said(tx, event)


@consumer.on(orders.ChannelChanged)
async def channel_changed(tx: Transaction, event: orders.ChannelChanged) -> None:
    """Know the shop's name, languages and addresses."""
    await handlers.channel_said(tx, event)


def _fact(tx: Transaction) -> UUID:
    assert tx.fact is not None  # noqa: S101 - a consumer handles nothing else
    return tx.fact.id
