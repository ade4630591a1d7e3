"""What a customer reads in figures and dates, as readers of their language write them; the words of the page."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from libs.contracts.common import Money, Quantity
from libs.contracts.shipping import ShipmentSnapshot
from services.orders.desk.following.domain import Followed

PAGES = Path(__file__).parent / "pages"
_ENGLISH = "en_GB"
_PIECES = frozenset({"", "pcs", "pc", "buc", "pz", "ea"})


@cache
def words() -> dict[str, dict[str, Any]]:
    """The fixed words of the page, by language."""
    found: dict[str, dict[str, Any]] = json.loads((PAGES / "words.json").read_text(encoding="utf-8"))
    return found


@cache
def locale(language: str) -> Locale:
    """How readers of a language write; those of one that nobody knows get English."""
    if language.lower() == "en":
        return Locale.parse(_ENGLISH)
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_ENGLISH)


def money(amount: Money, language: str) -> str:
    """An amount."""
    decimals = Decimal(amount.amount)
    return str(format_currency(decimals, amount.currency, locale=locale(language), decimal_quantization=False))


def quantity(amount: Quantity, unit: str, language: str) -> str:
    """How much; a unit only where it is not pieces."""
    number = str(format_decimal(Decimal(int(amount)).scaleb(-3), locale=locale(language)))
    return number if unit.lower() in _PIECES else f"{number} {unit}"


def day(moment: datetime, zone: str, language: str) -> str:
    """The date of a moment where the shop is."""
    return str(format_date(moment.astimezone(ZoneInfo(zone)), "long", locale=locale(language)))


def day_and_time(moment: datetime, zone: str, language: str) -> str:
    """The date and time of a moment where the shop is."""
    return str(format_datetime(moment.astimezone(ZoneInfo(zone)), "d MMMM y, HH:mm", locale=locale(language)))


def first_name(name: str | None) -> str:
    """All that a page which may be passed on says of the customer."""
    return next(iter((name or "").split()), "")


def summary_values(row: Mapping[str, Any], language: str) -> dict[str, str]:
    """What the `{variables}` of a status's name stand for in a list, from a row of it."""
    return {
        "order_number": row["number"],
        "customer_name": first_name(row["name"]),
        "total": money(Money(row["total"], row["currency"]), language),
        "placed_on": day(row["placed_at"], row["time_zone"], language),
        "shop": row["shop"],
    }


def values(
    found: Followed,
    figures: Mapping[str, Any],
    parcels: Iterable[ShipmentSnapshot],
    link: str | None,
    language: str,
) -> dict[str, str]:
    """What the `{variables}` of a status's text stand for. `figures`: placed_at, total and due_on_delivery."""
    parcels = list(parcels)
    due = figures["due_on_delivery"]
    return {
        "order_number": found.number,
        "customer_name": first_name(found.name),
        "total": money(figures["total"], language),
        "due_on_delivery": money(due, language) if due else "",
        "placed_on": day(figures["placed_at"], found.time_zone, language),
        "tracking_link": link or "",
        "awb": ", ".join(each.awb for each in parcels if each.awb),
        "courier_link": next((each.link for each in parcels if each.link), ""),
        "shop": found.shop,
    }
