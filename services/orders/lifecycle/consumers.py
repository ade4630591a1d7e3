"""What the other services say about an order: each fact moves its own axis, then whatever follows is done."""

from collections.abc import Callable, Sequence
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
from libs.events.consumer import Consumer, Heard
from libs.events.transaction import Transaction
from services.orders.lifecycle import store
from services.orders.lifecycle.learning import News, learn

STOCK = (StockReserved, StockWaiting, StockRejected, StockReleased, StockDeducted)
PAYMENT = (
    *(PaymentPending, PaymentAuthorized, PaymentReceived, PaymentFailed, PaymentExpired),
    *(PaymentVoided, PaymentRefunded, PaymentDisputed),
)
SHIPMENT = (
    *(ShipmentCreated, ShipmentDispatched, ShipmentTracked, ShipmentDelivered, ShipmentFailed),
    *(ShipmentLost, ShipmentReturned, ShipmentCancelled, ShipmentKept),
)


def _stock(heard: Heard[StockFact]) -> News:
    """Inventory moved an order's reservation."""
    part = heard.event.reservation
    short = {line.sku: line.short.text for line in part.lines if line.short}
    detail = {"state": str(part.state), "version": part.version} | ({"short": short} if short else {})
    return News(heard, part.order_id, detail, part)


def _payment(heard: Heard[PaymentFact]) -> News:
    """Payments moved an order's money."""
    part = heard.event.payment
    detail = {
        "status": str(part.status),
        "version": part.version,
        "received": part.received.wire(),
        "refunded": part.refunded.wire(),
        "provider": part.provider,
        "provider_ref": part.provider_ref,
    }
    return News(heard, part.order_id, detail, part)


def _shipment(heard: Heard[ShipmentFact]) -> News:
    """Shipping moved an order's parcels."""
    fact, part = heard.event, heard.event.fulfilment
    parcels = [
        {"shipment": str(s.id), "state": str(s.state), "status": s.status, "awb": s.awb}
        for s in part.shipments
        if fact.shipment_id in {None, s.id}
    ]
    failures = {str(s.id): s.failure for s in part.shipments if s.failure and fact.shipment_id in {None, s.id}}
    detail = {"version": part.version, "shipments": parcels} | ({"failures": failures} if failures else {})
    return News(heard, part.order_id, detail, part)


def _message(heard: Heard[MessageFact]) -> News | None:
    """A message about an order left, or never will."""
    fact = heard.event
    if fact.order_id is None:
        return None
    failed = {"reason": fact.reason} if isinstance(fact, NotificationFailed) else {}
    return News(heard, fact.order_id, {"kind": fact.kind, "by": fact.by} | failed)


def _work(heard: Heard[WorkStuck | WorkCleared]) -> News | None:
    """Something that concerns an order stands still, or moves again."""
    fact = heard.event
    if fact.order_id is None:
        return None
    stuck = {"kind": str(fact.kind), "what": fact.what} if isinstance(fact, WorkStuck) else {}
    return News(heard, fact.order_id, {"service": fact.service} | stuck)


_NEWS: dict[str, Callable[[Heard[Any]], News | None]] = {
    contract.topic: read
    for contracts, read in (
        (STOCK, _stock),
        (PAYMENT, _payment),
        (SHIPMENT, _shipment),
        ((NotificationSent, NotificationFailed), _message),
        ((WorkStuck, WorkCleared), _work),
    )
    for contract in contracts
}


async def told(tx: Transaction, facts: Sequence[Heard[Any]]) -> None:
    """Other services said something about orders."""
    found = [news for heard in facts if (news := _NEWS[heard.fact.type](heard)) is not None]
    there = await learn(tx, found)
    for news in found:
        if isinstance(news.heard.event, WorkStuck | WorkCleared) and news.order_id in there:
            await store.learn_work(tx, news.order_id, news.heard.event)


def register(consumer: Consumer) -> None:
    """Listen to everything that is said about orders."""
    consumer.on_all(*STOCK, *PAYMENT, *SHIPMENT, NotificationSent, NotificationFailed, WorkStuck, WorkCleared)(told)
