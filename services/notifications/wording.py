"""What a letter says in figures, dates and places, as readers of its language write them."""

import json
import re
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from libs.contracts.common import Address, Money, Person, PickupPoint
from libs.contracts.orders import (
    ChannelChanged,
    LineSnapshot,
    OrderCancelled,
    OrderFact,
    OrderShipped,
    OrderSnapshot,
    PaymentAxis,
)
from libs.contracts.payments import PaymentSnapshot

TEMPLATES = Path(__file__).parent / "templates"
UNITS_UNSAID = frozenset({"", "pcs", "pc", "buc", "pz", "ea"})
PAID = frozenset({PaymentAxis.RECEIVED, PaymentAxis.AUTHORIZED})
NO_BREAK = "\u00a0\u202f"
LOCALES = {"en": "en_GB"}  # where a language alone would mean another country's habits
_CODE = re.compile(r"([A-Z]{3})(?=\d)")
Values = dict[str, Any]


def _locale(language: str) -> str:
    return LOCALES.get(language, language)


@cache
def words(language: str) -> Values:
    """The fixed words of a language."""
    found: Values = json.loads((TEMPLATES / f"words.{language}.json").read_text(encoding="utf-8"))
    return found


def one_line(text: str) -> str:
    """The text without control characters and line breaks, blanks drawn together, no-break spaces kept."""
    plain = text
    if not text.isprintable():
        plain = "".join(c if c.isprintable() or c in NO_BREAK else " " for c in text)
    return " ".join(part for part in plain.split(" ") if part)


@lru_cache(maxsize=4096)
def money(amount: Money, language: str) -> str:
    """As a reader of that language writes an amount."""
    decimals = Decimal(amount.amount)
    text = format_currency(decimals, amount.currency, locale=_locale(language), decimal_quantization=False)
    return _CODE.sub("\\1\u00a0", text)


@lru_cache(maxsize=4096)
def quantity(thousandths: int, language: str, unit: str = "") -> str:
    """As a reader of that language writes a quantity; a unit only where it is not pieces."""
    number = format_decimal(Decimal(thousandths).scaleb(-3), locale=_locale(language))
    return number if unit.lower() in UNITS_UNSAID else f"{number} {unit}"


def day(moment: datetime, zone: str, language: str, *, time: bool = False) -> str:
    """The date (and time) of a moment where the shop is."""
    try:
        local = moment.astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):
        local = moment
    if time:
        return str(format_datetime(local, "d MMMM y, HH:mm", locale=_locale(language)))
    return str(format_date(local, "long", locale=_locale(language)))


def place(address: Address, name: str | None, language: str) -> list[str]:
    """An address, line by line, as it stands on a parcel."""
    country = Locale.parse(_locale(language)).territories.get(address.country.upper(), address.country)
    town = " ".join(part for part in (address.postal_code, address.city) if part)
    where = ", ".join(part for part in (town, address.region) if part)
    lines = [address.name or name or "", address.street, where, country, address.phone or ""]
    return [line for line in map(one_line, lines) if line]


def link(url: str | None) -> str | None:
    """The address when it leads to a web page; None for anything else, so that a mail can do no harm."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    fine = parts.scheme in ("http", "https") and parts.hostname and url.isprintable() and " " not in url
    return url if fine else None


def values_of(event: OrderFact, channel: ChannelChanged, language: str) -> Values:
    """Everything a letter about an order fact may show."""
    order, person = event.order, event.person or Person()
    said = _shop(channel, language) | _figures(order, language) | _people(order, person, language)
    return (
        said
        | {
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
    return _shop(channel, language) | {
        "number": one_line(number),
        "name": one_line(name),
        "to_pay": money(due, language),
        "beneficiary": one_line(channel.seller_name),
        "reference": one_line(payment.reference or ""),
        "until": until,
    }


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
