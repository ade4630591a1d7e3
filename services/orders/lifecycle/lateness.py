"""Whether an order is late, by what is known of it alone. Pure.

A deadline runs from when its clock started until what it waits for is there. It is alerted once; once that is cured, it
is over, and only a new start of the clock makes a new one.
"""

from datetime import datetime

from libs.contracts.orders import Lifecycle, OrderInTime, OrderOverdue, Overdue, PaymentAxis
from services.orders.lifecycle.domain import Order

UNPAID = frozenset({PaymentAxis.PENDING, PaymentAxis.FAILED})


def waited_for(order: Order, kind: Overdue) -> bool:
    """Whether the order still waits for that: for money that is not due on delivery, for parcels to arrive."""
    if kind is Overdue.PAYMENT:
        return order.lifecycle in {Lifecycle.OPEN, Lifecycle.CONFIRMED} and order.payment in UNPAID
    return order.lifecycle is Lifecycle.CONFIRMED and not order.delivered_told


def late(order: Order, now: datetime) -> list[Overdue]:
    """What is past its deadline and was not alerted for it."""
    return [
        kind
        for kind, due_at in deadlines(order).items()
        if due_at is not None and due_at <= now and kind not in order.overdue and waited_for(order, kind)
    ]


def deadlines(order: Order) -> dict[Overdue, datetime | None]:
    """When each is due."""
    return {Overdue.PAYMENT: order.payment_due_at, Overdue.DELIVERY: order.delivery_due_at}


def alert(order: Order, now: datetime) -> None:
    """Say once of each deadline that it has passed."""
    for kind in late(order, now):
        due_at = deadlines(order)[kind]
        order.overdue.append(kind)
        order.say(OrderOverdue, kind=kind, due_at=due_at)


def cured(order: Order) -> list[Overdue]:
    """What was alerted and is not late any more."""
    return [kind for kind in order.overdue if not waited_for(order, kind)]


def cure(order: Order) -> None:
    """Take alerts back that are cured; their deadlines are over."""
    for kind in cured(order):
        order.overdue.remove(kind)
        if kind is Overdue.PAYMENT:
            order.payment_due_at = None
        else:
            order.delivery_due_at = None
        order.say(OrderInTime, kind=kind)
