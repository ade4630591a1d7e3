"""What a letter about an order may show, and what the variables of the shop's own texts stand for."""

from urllib.parse import quote

from libs.contracts.common import Person, PickupPoint
from libs.contracts.orders import (
    ChannelChanged,
    LineSnapshot,
    OrderCancelled,
    OrderFact,
    OrderHeld,
    OrderOverdue,
    OrderShipped,
    OrderSnapshot,
    PaymentAxis,
)
from libs.contracts.payments import PaymentSnapshot
from services.notifications.figures import Values, day, link, money, one_line, place, quantity, words

PAID = frozenset({PaymentAxis.RECEIVED, PaymentAxis.AUTHORIZED})


def values_of(event: OrderFact, channel: ChannelChanged, language: str, base: str | None = None) -> Values:
    """Everything a letter about an order fact may show; `base` is where links to an order's history begin."""
    order, person = event.order, event.person or Person()
    follow = follow_link(channel, person, base)
    said = _shop(channel, language) | _figures(order, language) | _people(order, person, language)
    said |= _alert(event, channel, language)
    return (
        said
        | {
            "follow": follow,
            "variables": _variables(event, channel, language, follow or ""),
            "number": one_line(order.number),
            "placed_on": day(order.placed_at, channel.time_zone, language),
            "payment_kind": str(order.payment_kind or ""),
            "payment": words(language)["payment_kinds"].get(order.payment_kind, ""),
            "delivery_by": words(language)["delivery_kinds"].get(order.delivery_kind, ""),
            "lines": [_line(line, language) for line in order.lines],
            "paid": order.payment in PAID,
            "reason": str(event.reason) if isinstance(event, OrderCancelled) else "",
            "give_back": str(event.give_back) if isinstance(event, OrderCancelled) else "",
        }
        | _parcels(event, language)
    )


def transfer_values(payment: PaymentSnapshot, number: str, name: str, channel: ChannelChanged, language: str) -> Values:
    """Everything a letter about a transfer may show."""
    due = payment.amount - payment.received if payment.received.currency == payment.amount.currency else payment.amount
    until = day(payment.expires_at, channel.time_zone, language, time=True) if payment.expires_at else ""
    variables = {"order_number": one_line(number), "customer_name": one_line(name), "total": money(due, language)}
    return _shop(channel, language) | {
        "variables": variables | {"shop": one_line(channel.name)},
        "number": one_line(number),
        "name": one_line(name),
        "to_pay": money(due, language),
        "beneficiary": one_line(channel.seller_name),
        "reference": one_line(payment.reference or ""),
        "until": until,
    }


def follow_link(channel: ChannelChanged, person: Person, base: str | None) -> str | None:
    """Where the customer follows the order: only where the channel publishes histories and the order has a token."""
    begins = channel.tracking_url or base
    if not (channel.history_published and person.tracking and begins):
        return None
    return link(f"{begins.rstrip('/')}/t/{quote(person.tracking, safe='')}")


def _variables(event: OrderFact, channel: ChannelChanged, language: str, follow: str) -> dict[str, str]:
    """What each variable of `libs.service.texts` stands for; none of them goes over a line but the comment."""
    order, person = event.order, event.person or Person()
    parcels = _parcels(event, language)["parcels"]
    due = order.due_on_delivery
    return {
        "order_number": one_line(order.number),
        "customer_name": one_line(person.name or (person.company.name if person.company else "") or ""),
        "total": money(order.total, language),
        "due_on_delivery": money(due, language) if due else "",
        "placed_on": day(order.placed_at, channel.time_zone, language),
        "tracking_link": follow,
        "awb": ", ".join(parcel["awb"] for parcel in parcels),
        "courier_link": next((parcel["link"] for parcel in parcels if parcel["link"]), ""),
        "shop": one_line(channel.name) or one_line(channel.code),
        "comment": (person.comment or "").strip(),
    }


def _alert(event: OrderFact, channel: ChannelChanged, language: str) -> Values:
    said = words(language)
    late = str(event.kind) if isinstance(event, OrderOverdue) else ""
    hold = str(event.kind) if isinstance(event, OrderHeld) else ""
    rows = []
    if isinstance(event, OrderOverdue):
        rows.append((said["deadline"], day(event.due_at, channel.time_zone, language, time=True)))
    if isinstance(event, OrderHeld):
        rows.append((said["reason"], one_line(event.reason)))
    return {"late": late, "hold": hold, "alert": rows}


def _shop(channel: ChannelChanged, language: str) -> Values:
    return {
        "language": language,
        "words": words(language),
        "shop": one_line(channel.name) or one_line(channel.code),
        "shop_url": link(channel.shop_url),
    }


def _figures(order: OrderSnapshot, language: str) -> Values:
    due = order.due_on_delivery
    figures = {
        "goods": order.goods,
        "delivery": order.delivery,
        "charges": order.charges,
        "discounts": -order.discounts,
    }
    shown = [
        (name, money(amount, language))
        for name, amount in figures.items()
        if amount or name == "goods" or (name == "delivery" and order.delivery_kind)
    ]
    if order.delivery_kind and not order.delivery:
        shown = [(name, words(language)["free"] if name == "delivery" else text) for name, text in shown]
    return {
        "figures": shown,
        "total": money(order.total, language),
        "due_on_delivery": money(due, language) if due else "",
    }


def _people(order: OrderSnapshot, person: Person, language: str) -> Values:
    company = person.company
    buyer = one_line(person.name or (company.name if company else "") or "")
    bill_to = person.billing
    ship_to = person.shipping or bill_to
    billing = place(bill_to, company.name if company else person.name, language) if bill_to else []
    if company and company.vat_id:
        billing.append(one_line(company.vat_id))
    point = order.pickup_point
    return {
        "name": buyer,
        "deliver_to": place(ship_to, person.name, language) if ship_to and not point else [],
        "bill_to": billing,
        "pick_up_at": _point(point) if point else [],
        "contacts": [one_line(text) for text in (person.email, person.phone) if text],
        "notes": one_line(person.delivery_note or ""),
        "gift": one_line(person.gift_note or ""),
    }


def _point(point: PickupPoint) -> list[str]:
    return [line for line in map(one_line, (point.name or point.id, point.address or "")) if line]


def _line(line: LineSnapshot, language: str) -> Values:
    return {
        "name": one_line(line.name) or one_line(line.sku),
        "sku": one_line(line.sku),
        "quantity": quantity(line.ordered - line.cut, language, one_line(line.unit)),
        "amount": money(line.total, language),
        "gone": line.cut >= line.ordered,
    }


def _parcels(event: OrderFact, language: str) -> Values:
    """The parcels this fact is about, the lines as far as they have left, and whether that is all."""
    of = words(language)["of"]
    about = event.shipment_id if isinstance(event, OrderShipped) else None
    awbs = [awb for awb in event.order.awbs if about in (None, awb.shipment_id)]
    shipping = [line for line in event.order.lines if line.ships and line.ordered > line.cut]
    shipped = [
        {
            "name": one_line(line.name) or one_line(line.sku),
            "quantity": quantity(line.shipped, language, one_line(line.unit))
            if line.shipped >= line.ordered - line.cut
            else of.format(
                some=quantity(line.shipped, language),
                all=quantity(line.ordered - line.cut, language, one_line(line.unit)),
            ),
        }
        for line in shipping
        if line.shipped > 0
    ]
    return {
        "parcels": [{"awb": one_line(awb.awb), "link": link(awb.link)} for awb in awbs],
        "shipped": shipped,
        "complete": all(line.shipped >= line.ordered - line.cut for line in shipping),
    }
