"""Why an order does not move: everything it waits for or is stuck on, what blocks first comes first. Pure.

A sentence may be read aloud to the customer; what only colleagues should know stands in `detail`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from libs.contracts.common import Quantity
from libs.contracts.orders import HoldKind, Lifecycle, Overdue, PaymentAxis, PaymentKind, StockAxis
from libs.contracts.shipping import ShipmentSnapshot, ShipmentState
from libs.events.work import Stuck
from services.orders.lifecycle.domain import MONEY_IS_SAFE, Order

ENDED = frozenset({Lifecycle.COMPLETED, Lifecycle.CANCELLED})
PERSON = "A person at the shop decides."


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing an order waits for or is stuck on."""

    code: str
    sentence: str
    service: str
    since: datetime | None
    next: str
    next_at: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An order, and what is known around it."""

    order: Order
    time_zone: str
    at: Mapping[str, datetime]  # when a fact of that topic was last told of it
    work: Sequence[Mapping[str, Any]] = ()  # kind, service, what, since, next_try
    paused: Sequence[Mapping[str, Any]] = ()  # topic, since
    refused: Sequence[Mapping[str, Any]] = ()  # rule, status, reason, at

    def told(self, *topics: str) -> datetime:
        """When the newest of these facts was told; else when the order was placed."""
        return max((self.at[topic] for topic in topics if topic in self.at), default=self.order.placed_at)

    def clock(self, moment: datetime) -> str:
        """A moment as it is said aloud, on the channel's clock."""
        wall = moment.astimezone(ZoneInfo(self.time_zone))
        return f"{wall.day} {wall:%B %Y} at {wall:%H:%M}"


def reasons(seen: Seen) -> list[Reason]:
    """Everything that the order waits for, what blocks first comes first; nothing where it waits for nothing."""
    order = seen.order
    if order.historic:
        return []
    found = [*_holds(seen), *_stuck(seen)]
    if order.lifecycle in ENDED:
        return found
    found += [*_paused(seen), *_cancel(seen)]
    found += _while_open(seen) if order.lifecycle is Lifecycle.OPEN else _on_its_way(seen)
    return [*found, *_overdue(seen), *_refused(seen)]


def standing(seen: Seen) -> str:
    """Where the order is, in one sentence."""
    order = seen.order
    if order.lifecycle is Lifecycle.OPEN:
        return f"Order {order.number} was taken on {seen.clock(order.placed_at)} and is not confirmed yet."
    if order.lifecycle is Lifecycle.CONFIRMED:
        return f"Order {order.number} is confirmed and on its way through the shop."
    return f"Order {order.number} is {order.lifecycle}."


_HELD = {
    HoldKind.MANUAL: "The shop has stopped the order for now to look at it.",
    HoldKind.FRAUD: "The shop is checking the order before it goes on.",
    HoldKind.IMPORT: "Something that was sent with the order is missing or not clear; the shop is putting it right.",
    HoldKind.PAID_LATE: "The money came after the order had ended, and the shop is deciding what to do with it.",
    HoldKind.UNDELIVERED: "A parcel was lost or came back, and the shop is deciding how to go on.",
    HoldKind.CONTRADICTION: "Two messages about a parcel cannot both be true; the shop is finding out which one is.",
    HoldKind.LOSS: "The order has arrived; the shop is checking its accounts before it closes it.",
}


def _holds(seen: Seen) -> Iterator[Reason]:
    for hold in seen.order.standing:
        sentence = _HELD.get(hold.kind, "The shop has stopped the order for now.")
        loss = hold.kind is HoldKind.LOSS
        then = "A manager overrides it with a reason, or its costs are put right." if loss else "A person releases it."
        yield Reason(f"held_{hold.kind}", sentence, "orders", hold.placed_at, then, detail=hold.reason)


_STUCK = {
    Stuck.DEAD_LETTER: ("A message about the order could not be taken in.", "It is mended and taken in again."),
    Stuck.PAUSED: ("Messages of this kind wait until a fault is mended.", "A technician lets them go on."),
    Stuck.REFUSED_FACT: ("A message about the order could not be passed on.", "A technician passes it on again."),
    Stuck.UNKNOWN_CALL: ("We asked {whom} and do not know its answer yet.", "It is asked again by itself."),
    Stuck.REFUSED_CALL: ("{whom} did not accept what we asked.", "A person puts it right and tries again."),
    Stuck.NOT_COVERED: ("Goods that were put aside for the order are missing.", "A person finds or replaces them."),
    Stuck.PARKED: ("Something that came in for the order has to be looked at.", PERSON),
}
_WHOM = {"payments": "the payment provider", "shipping": "the courier", "notifications": "the mail server"}


def _stuck(seen: Seen) -> Iterator[Reason]:
    for row in seen.work:
        sentence, then = _STUCK.get(row["kind"], ("Something about the order stands still.", PERSON))
        whom = _WHOM.get(row["service"], "another system")
        told = sentence.format(whom=whom)
        code, at = str(row["kind"]), row["next_try"]
        yield Reason(code, told[0].upper() + told[1:], row["service"], row["since"], then, at, row["what"])


def _paused(seen: Seen) -> Iterator[Reason]:
    for row in seen.paused:
        sentence = "News about some orders is not read until a fault is mended; news about this one may be among it."
        then = "A technician mends it and lets the reading go on."
        yield Reason(str(Stuck.PAUSED), sentence, "orders", row["since"], then, detail=f"topic {row['topic']}")


def _cancel(seen: Seen) -> Iterator[Reason]:
    if seen.order.cancel_request:
        sentence = "We asked the warehouse whether the order can still be stopped, and wait for the answer."
        then = "The warehouse answers; then the order is cancelled, or goes on."
        yield Reason("cancel_asked", sentence, "shipping", seen.told("order.cancel_requested"), then)


def _while_open(seen: Seen) -> Iterator[Reason]:
    order = seen.order
    yield from _goods(seen)
    if order.payment in MONEY_IS_SAFE:
        return
    since = seen.told("order.created", "payment.pending", "payment.failed")
    if order.expiring:
        sentence = "The time to pay is over, and we are asking whether money is on its way."
        yield Reason("payment_asked", sentence, "payments", seen.told("order.expiring"), "Payments answers.")
    elif order.payment is PaymentAxis.FAILED:
        sentence = "The payment did not succeed; it has to be made again."
        yield _until(seen, "payment_failed", sentence, seen.told("payment.failed"))
    elif order.payment is PaymentAxis.DISPUTED:
        yield _disputed(seen)
    else:
        yield _until(seen, "payment_awaited", "We wait for the payment.", since)


def _until(seen: Seen, code: str, sentence: str, since: datetime) -> Reason:
    at = seen.order.reserve_until
    if at is None:
        return Reason(code, sentence, "payments", since, "The order goes on as soon as it is paid.")
    then = f"The goods are kept until {seen.clock(at)}; without money the order is then cancelled."
    return Reason(code, sentence, "payments", since, then, at)


def _disputed(seen: Seen) -> Reason:
    sentence = "The payment is being disputed with the bank."
    return Reason("payment_disputed", sentence, "payments", seen.told("payment.disputed"), "The bank decides.")


def _goods(seen: Seen) -> Iterator[Reason]:
    order, found = seen.order, seen.order.heard.reservation(seen.order.round)
    since = seen.told("order.created", "order.reopened")
    if order.stock is StockAxis.PENDING:
        sentence = "We asked the warehouse whether the goods are there, and wait for the answer."
        yield Reason("goods_asked", sentence, "inventory", since, "The warehouse answers, as a rule within seconds.")
    elif order.stock in {StockAxis.WAITING, StockAxis.REJECTED} and found:
        short = {line.sku: line.short for line in found.lines if line.short}
        names = {line.sku: line.name for line in order.lines}
        missing = ", ".join(f"{Quantity(n).text} of {names.get(sku, sku)} (SKU {sku})" for sku, n in short.items())
        what = missing or "something of the order"
        if order.stock is StockAxis.WAITING:
            then = "They are put aside for the order as soon as they come in, oldest order first."
            yield Reason("goods_waiting", f"We wait for goods: {what}.", "inventory", seen.told("stock.waiting"), then)
        else:
            then = "A person finds the goods, or cancels the order."
            yield Reason("goods_short", f"Goods are missing: {what}.", "inventory", seen.told("stock.rejected"), then)
    elif order.stock is StockAxis.RELEASED:
        sentence = "The goods are not put aside for the order any more."
        yield Reason("goods_released", sentence, "inventory", seen.told("stock.released"), PERSON)


def _on_its_way(seen: Seen) -> Iterator[Reason]:
    order = seen.order
    parcels = [s for s in order.heard.shipments if s.state != ShipmentState.CANCELLED]
    for parcel in parcels:
        yield from _parcel(seen, parcel)
    if not parcels and order.wanted:
        then = "The warehouse plans its parcels, as a rule within seconds."
        since = seen.told("order.confirmed")
        yield Reason("parcels_not_planned", "The parcels are not planned yet.", "shipping", since, then)
    if order.payment is PaymentAxis.DISPUTED:
        yield _disputed(seen)
    elif order.payment is not PaymentAxis.RECEIVED and order.delivered_told:
        delivery = order.payment_kind is PaymentKind.CASH_ON_DELIVERY
        sentence = "The order has arrived, and its money has not come yet."
        then = "The courier hands over what it collected." if delivery else "The order is closed once it is paid."
        yield Reason("delivered_not_paid", sentence, "payments", seen.told("order.delivered"), then)
    elif order.payment not in MONEY_IS_SAFE | {PaymentAxis.RECEIVED}:
        sentence = "The money for the order is not with us any more."
        yield Reason("payment_lost", sentence, "payments", seen.told("payment.refunded", "payment.failed"), PERSON)


def _parcel(seen: Seen, parcel: ShipmentSnapshot) -> Iterator[Reason]:
    name = f"Parcel {parcel.awb}" if parcel.awb else "A parcel"
    moved = seen.told("shipment.tracked", "shipment.dispatched", "shipment.created")
    match parcel.state:
        case ShipmentState.PLANNED if not seen.order.ready:
            sentence = "The parcel is planned; nobody has said yet that it may be sent."
            then = "Somebody at the shop says that it is ready."
            yield Reason("not_ready", sentence, "orders", seen.told("order.confirmed"), then)
        case ShipmentState.PLANNED:
            since = seen.told("order.ready")
            yield Reason("booking_due", "The parcel is about to be booked.", "shipping", since, "The courier is asked.")
        case ShipmentState.BOOKING:
            sentence = "We asked the courier to take the parcel, and wait for its answer."
            then = "The courier answers; without an answer it is asked again by itself."
            yield Reason("booking_unknown", sentence, "shipping", seen.told("order.ready", "order.confirmed"), then)
        case ShipmentState.FAILED:
            since, then = seen.told("shipment.failed"), "A person puts it right and books again."
            sentence = "The courier did not take the parcel."
            yield Reason("booking_failed", sentence, "shipping", since, then, detail=parcel.failure)
        case ShipmentState.BOOKED:
            sentence = f"{name} is packed and waits for the courier."
            yield Reason(
                "pickup_awaited", sentence, "shipping", seen.told("shipment.created"), "The courier fetches it."
            )
        case ShipmentState.DISPATCHED:
            sentence = f"{name} is with the courier: {parcel.status.replace('_', ' ')}."
            yield Reason("in_transit", sentence, "shipping", parcel.dispatched_at or moved, "The courier delivers it.")
        case ShipmentState.RETURNING:
            then = "A person decides once it is back."
            yield Reason("returning", f"{name} is on its way back to the shop.", "shipping", moved, then)


def _overdue(seen: Seen) -> Iterator[Reason]:
    order = seen.order
    for kind, due_at in ((Overdue.PAYMENT, order.payment_due_at), (Overdue.DELIVERY, order.delivery_due_at)):
        if kind in order.overdue and due_at is not None:
            sentence = f"The {kind} was due on {seen.clock(due_at)} and is late."
            then = "The shop was told, and looks after it."
            service = "payments" if kind is Overdue.PAYMENT else "shipping"
            yield Reason(f"overdue_{kind}", sentence, service, due_at, then)


def _refused(seen: Seen) -> Iterator[Reason]:
    for row in seen.refused:
        sentence = "A step that the shop has set up could not be taken by itself."
        told = f"rule {row['rule']}, status {row['status']}: {row['reason']}"
        yield Reason("rule_refused", sentence, "orders", row["at"], PERSON, detail=told)
