"""Orders in hand, without a database: placed by the same pure function that the service uses."""

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.contracts.common import Money
from libs.contracts.inventory import ReservationSnapshot, StockFact
from libs.contracts.orders import OnShortage, PaymentKind
from libs.contracts.payments import PaymentFact, PaymentSnapshot
from libs.contracts.shipping import FulfilmentSnapshot, ShipmentFact
from services.orders.lifecycle.domain import Judged, Order
from services.orders.lifecycle.steps import Step
from services.orders.lifecycle.taking import advance
from services.orders.placing.body import PlaceOrder
from services.orders.placing.domain import KnownChannel, Methods
from services.orders.placing.place import Taking, place
from tests.unit.orders.said import Said, delivery_method, payment_method, submitted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AGAIN = timedelta(minutes=5)
WEB = KnownChannel("web", "web", "RO", ("ro",), OnShortage.REJECT, "Europe/Bucharest")
METHODS = {
    "paypal": payment_method(),
    "cod": payment_method("cod", PaymentKind.CASH_ON_DELIVERY, fee=Money.parse("5.00", "RON")),
}
Fact = StockFact | PaymentFact | ShipmentFact


def opened(**changes: Any) -> Order:
    """An order that was just placed."""
    body = PlaceOrder.model_validate(submitted(**changes))
    methods = Methods(delivery_method(), METHODS[body.payment_method or "paypal"])
    order = place(body, WEB, methods, Taking("RO-2026-000001", None, NOW, "user:test", [])).order
    advance(order, NOW, AGAIN)
    return order


def said(order: Order) -> Said:
    """What the others say about it."""
    lines = [{"id": str(x.id), "sku": x.sku, "quantity": str(x.quantity // 1000)} for x in order.lines]
    total = Money(order.total, order.currency).wire()
    method, kind = order.payment_method, order.payment_kind
    given = {"id": str(order.id), "lines": lines, "totals": {"total": total}}
    return Said(given | {"payment_method": method, "payment_kind": kind})


def part_of(fact: Fact) -> ReservationSnapshot | PaymentSnapshot | FulfilmentSnapshot:
    """The snapshot a fact carries."""
    match fact:
        case StockFact():
            return fact.reservation
        case PaymentFact():
            return fact.payment
        case ShipmentFact():
            return fact.fulfilment


def hear(order: Order, *facts: Fact) -> Order:
    """Let it learn these facts, one after the other, and do what follows."""
    for fact in facts:
        order.heard.learn(part_of(fact))
        go_on(order)
    return order


def go_on(order: Order, judged: Judged = Judged.FINE) -> None:
    """Take every step that follows; completing it is judged so."""
    while advance(order, NOW, AGAIN) is Step.JUDGE:
        order.judged = judged


def end_state(order: Order) -> dict[str, Any]:
    """All of an order that must not depend on the order in which facts came."""
    told = order.snapshot()
    return {
        "axes": (told.lifecycle, told.stock, told.payment, told.fulfilment),
        "holds": told.holds,
        "cancelled": (told.cancel_reason, told.give_back, told.cancel_request, told.expiring),
        "round": told.round,
        "due": (told.total, told.due_on_delivery),
        "awbs": told.awbs,
        "lines": told.lines,
        "told": (sorted(order.shipped_told), sorted(order.returned_told), order.delivered_told),
    }
