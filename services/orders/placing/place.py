"""`place()`: from what was submitted to the order and the rows to write. Pure; the rows alone are written."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from libs.contracts.common import Address, Company, Person, PickupPoint
from libs.contracts.orders import (
    DeliveryKind,
    FulfilmentAxis,
    HoldKind,
    Lifecycle,
    OnShortage,
    OrderCreated,
    OrderHeld,
    Overdue,
    PaymentAxis,
    StockAxis,
)
from libs.events.transaction import new_id
from libs.service.problems import FieldError
from services.orders.customers.domain import Identity, email_key, phone_key
from services.orders.customers.links import Links
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lateness import waited_for
from services.orders.lifecycle.lines import Hold, Line
from services.orders.placing.body import AddressIn, LineIn, PlaceOrder
from services.orders.placing.domain import KnownChannel, Methods, line_total, payment_kind


@dataclass(frozen=True, slots=True)
class Taking:
    """What is decided outside: who takes the order in, when, under which number, for whom."""

    number: str
    customer_id: UUID | None
    now: datetime
    by: str
    wrong: list[FieldError]  # what a marketplace's order is held for
    links: Links | None = None  # what signs the link by which its customer follows it


@dataclass(frozen=True, slots=True)
class Placed:
    """An order and all its rows, by table and column."""

    order: Order
    row: dict[str, Any]
    lines: dict[str, list[Any]]
    adjustments: dict[str, list[Any]]


def hash_of(submitted: PlaceOrder) -> bytes:
    """What two equal orders share."""
    return hashlib.sha256(submitted.model_dump_json().encode()).digest()


def identity_of(submitted: PlaceOrder, channel: KnownChannel) -> Identity:
    """Who says to have ordered."""
    given = submitted.customer
    address = submitted.billing or submitted.shipping
    return Identity(
        channel=channel.code,
        external_id=given.id if given else None,
        email=email_key(given.email) if given else None,
        email_verified=bool(given and given.email and given.email_verified),
        phone=phone_key(given.phone, address.country if address else None) if given else None,
        name=_name(submitted),
        language=submitted.language,
    )


def place(submitted: PlaceOrder, channel: KnownChannel, methods: Methods, taking: Taking) -> Placed:
    """Take an order in: it is open, and says so; sold elsewhere with something wrong, it is held from the start."""
    order = _order(submitted, channel, methods, taking)
    token = _link(order, channel, taking)
    order.lines = [_line(n, line) for n, line in enumerate(submitted.lines, 1)]
    order.settle()
    _watch(order, channel)
    if taking.wrong:
        fields = [{"field": error.field, "detail": error.detail} for error in taking.wrong[:100]]
        reason = "what was submitted is not complete or not right: " + ", ".join(f["field"] for f in fields[:10])
        order.holds.append(Hold(new_id(), HoldKind.IMPORT, "placing", reason, taking.now, taking.by, fields))
    order.say(OrderCreated)
    for hold in order.holds:
        order.say(OrderHeld, kind=hold.kind, reason=hold.reason)
    return Placed(
        order, _row(submitted, order) | {"tracking_token": token}, _lines(submitted, order), _adjustments(submitted)
    )


def _order(submitted: PlaceOrder, channel: KnownChannel, methods: Methods, taking: Taking) -> Order:
    totals, old = submitted.totals, submitted.historic
    delivery_kind = methods.delivery.kind if methods.delivery else None
    wait = channel.sold_elsewhere or channel.on_shortage is OnShortage.WAIT
    return Order(
        id=new_id(),
        version=0,
        events=0,
        number=taking.number,
        channel=channel.code,
        external_id=submitted.external_id,
        language=submitted.language or channel.languages[0],
        placed_at=submitted.placed_at or taking.now,
        historic=old,
        on_shortage=OnShortage.WAIT if wait else OnShortage.REJECT,
        lifecycle=Lifecycle.COMPLETED if old else Lifecycle.OPEN,
        stock=StockAxis.NONE if old else StockAxis.PENDING,
        payment=PaymentAxis.RECEIVED if old else PaymentAxis.PENDING,
        fulfilment=FulfilmentAxis.DELIVERED if old else FulfilmentAxis.NONE,
        currency=submitted.currency,
        goods=totals.goods.minor,
        delivery=totals.delivery.minor,
        charges=totals.charges.minor,
        discounts=totals.discounts.minor,
        total=totals.total.minor,
        delivery_method=submitted.delivery_method,
        delivery_kind=DeliveryKind(delivery_kind) if delivery_kind in set(DeliveryKind) else None,
        payment_method=submitted.payment_method,
        payment_kind=payment_kind(submitted, channel, methods.payment),
        reserve_minutes=methods.payment.reserve_for_minutes if methods.payment else None,
        customer_id=taking.customer_id,
        person=person_of(submitted),
        pickup_point=PickupPoint(**submitted.pickup_point.model_dump()) if submitted.pickup_point else None,
    )


def _link(order: Order, channel: KnownChannel, taking: Taking) -> str | None:
    """The token of its customer's link; facts carry it where the channel lets customers follow their orders."""
    if taking.links is None or order.historic:
        return None
    token = taking.links.make(order.id, taking.now + timedelta(days=channel.tracking_days))
    if channel.history_published and order.person is not None:
        order.person = order.person.model_copy(update={"tracking": token})
    return token


def _watch(order: Order, channel: KnownChannel) -> None:
    """Its payment's clock starts when it was placed; what is paid, or due on delivery, has none."""
    order.clock = channel.clock
    if order.clock and not order.historic and waited_for(order, Overdue.PAYMENT):
        order.payment_due_at = order.clock.due(Overdue.PAYMENT, order.payment_method, order.placed_at)


def person_of(submitted: PlaceOrder) -> Person:
    """All personal data of an order, in the one place where any stands."""
    customer, company = submitted.customer, submitted.company
    return Person(
        name=_name(submitted),
        email=customer.email if customer else None,
        phone=customer.phone if customer else None,
        company=Company(**company.model_dump()) if company else None,
        fiscal_ids=submitted.fiscal_ids,
        billing=_address(submitted.billing),
        shipping=_address(submitted.shipping),
        delivery_note=submitted.delivery_note,
        gift_note=submitted.gift_note,
    )


def _name(submitted: PlaceOrder) -> str | None:
    if submitted.customer and submitted.customer.name:
        return submitted.customer.name
    named = (address.name for address in (submitted.billing, submitted.shipping) if address and address.name)
    return next(named, None)


def _address(address: AddressIn | None) -> Address | None:
    return Address(**address.model_dump()) if address else None


def _line(position: int, line: LineIn) -> Line:
    return Line(
        id=new_id(),
        position=position,
        sku=line.sku,
        name=line.name,
        unit=line.unit,
        unit_price=line.unit_price.minor,
        total=line_total(line),
        quantity=int(line.quantity),
        vat_rate=line.vat_rate,
        weight_g=line.weight_g,
        ships=line.ships,
    )


def _row(submitted: PlaceOrder, order: Order) -> dict[str, Any]:
    """What of the order's row is not in `Order`."""
    return {
        "request_hash": hash_of(submitted),
        "person": order.person.model_dump_json() if order.person else None,
        "pickup_point": order.pickup_point.model_dump_json() if order.pickup_point else None,
        "customer": submitted.customer.model_dump_json() if submitted.customer else None,
        "attributes": json.dumps(submitted.attributes),
        "referers": submitted.referers,
    }


def _lines(submitted: PlaceOrder, order: Order) -> dict[str, list[Any]]:
    both = list(zip(order.lines, submitted.lines, strict=True))
    rows = [
        {
            "id": line.id,
            "position": line.position,
            "sku": line.sku,
            "ean": given.ean,
            "name": line.name,
            "options": json.dumps(given.options),
            "category": given.category,
            "image_url": given.image_url,
            "quantity": line.quantity,
            "unit": line.unit,
            "unit_price": line.unit_price,
            "discount": given.discount.minor if given.discount else 0,
            "promotion": given.promotion,
            "vat_rate": line.vat_rate,
            "weight_g": line.weight_g,
            "unit_cost": json.dumps(given.unit_cost.wire()) if given.unit_cost else None,
            "components": json.dumps([component.model_dump(mode="json") for component in given.components]),
            "attributes": json.dumps(given.attributes),
            "ships": line.ships,
            "total": line.total,
        }
        for line, given in both
    ]
    return {name: [row[name] for row in rows] for name in rows[0]}


def _adjustments(submitted: PlaceOrder) -> dict[str, list[Any]]:
    both = [("charge", each) for each in submitted.charges] + [("discount", each) for each in submitted.discounts]
    return {
        "position": list(range(1, len(both) + 1)),
        "sign": [sign for sign, _ in both],
        "kind": [each.kind for _, each in both],
        "code": [each.code for _, each in both],
        "name": [each.name for _, each in both],
        "amount": [each.amount.minor for _, each in both],
        "vat_rate": [each.vat_rate for _, each in both],
    }
