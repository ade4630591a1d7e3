"""What the other services say about an order: each fact moves its own axis, then whatever follows is done."""

from typing import Any

from libs.contracts.common import WorkCleared, WorkStuck
from libs.contracts.inventory import (
    StockDeducted,
    StockFact,
    StockRejected,
    StockReleased,
    StockReserved,
    StockWaiting,
)
from libs.contracts.notifications import MessageFact, NotificationFailed, NotificationSent
from libs.contracts.payments import (
    PaymentAuthorized,
    PaymentDisputed,
    PaymentExpired,
    PaymentFact,
    PaymentFailed,
    PaymentPending,
    PaymentReceived,
    PaymentRefunded,
    PaymentVoided,
)
from libs.contracts.shipping import (
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentFact,
    ShipmentFailed,
    ShipmentKept,
    ShipmentLost,
    ShipmentReturned,
    ShipmentTracked,
)
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from services.orders.lifecycle import handlers

STOCK = (StockReserved, StockWaiting, StockRejected, StockReleased, StockDeducted)
PAYMENT = (
    *(PaymentPending, PaymentAuthorized, PaymentReceived, PaymentFailed, PaymentExpired),
    *(PaymentVoided, PaymentRefunded, PaymentDisputed),
)
SHIPMENT = (
    *(ShipmentCreated, ShipmentDispatched, ShipmentTracked, ShipmentDelivered, ShipmentFailed),
    *(ShipmentLost, ShipmentReturned, ShipmentCancelled, ShipmentKept),
)


async def stock(tx: Transaction, fact: StockFact) -> None:
    """Inventory moved an order's reservation."""
    part = fact.reservation
    short = {line.sku: line.short.text for line in part.lines if line.short}
    await handlers.learn(
        tx, fact, part, {"state": str(part.state), "version": part.version} | ({"short": short} if short else {})
    )


async def payment(tx: Transaction, fact: PaymentFact) -> None:
    """Payments moved an order's money."""
    part = fact.payment
    detail = {
        "status": str(part.status),
        "version": part.version,
        "received": part.received.wire(),
        "refunded": part.refunded.wire(),
        "provider": part.provider,
        "provider_ref": part.provider_ref,
    }
    await handlers.learn(tx, fact, part, detail)


async def shipment(tx: Transaction, fact: ShipmentFact) -> None:
    """Shipping moved an order's parcels."""
    part = fact.fulfilment
    parcels = [
        {"shipment": str(s.id), "state": str(s.state), "status": s.status, "awb": s.awb}
        for s in part.shipments
        if fact.shipment_id in {None, s.id}
    ]
    failures = {str(s.id): s.failure for s in part.shipments if s.failure and fact.shipment_id in {None, s.id}}
    detail = {"version": part.version, "shipments": parcels} | ({"failures": failures} if failures else {})
    await handlers.learn(tx, fact, part, detail)


async def message(tx: Transaction, fact: MessageFact) -> None:
    """A message about an order left, or never will."""
    if fact.order_id is not None:
        detail: dict[str, Any] = {"kind": fact.kind, "by": fact.by}
        if isinstance(fact, NotificationFailed):
            detail["reason"] = fact.reason
        await handlers.note(tx, fact, fact.order_id, detail)


async def work(tx: Transaction, fact: WorkStuck | WorkCleared) -> None:
    """Something that concerns an order stands still, or moves again."""
    await handlers.learn_work(tx, fact)


def register(consumer: Consumer) -> None:
    """Listen to everything that is said about orders."""
    consumer.on(*STOCK)(stock)
    consumer.on(*PAYMENT)(payment)
    consumer.on(*SHIPMENT)(shipment)
    consumer.on(NotificationSent, NotificationFailed)(message)
    consumer.on(WorkStuck)(work)
    consumer.on(WorkCleared)(work)
