"""Figures, dates, places and links, as readers of a language write them."""

import json
import re
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal

from libs.contracts.common import Address, Money
from services.notifications.domain import FALLBACK, language_of

TEMPLATES = Path(__file__).parent / "templates"
UNITS_UNSAID = frozenset({"", "pcs", "pc", "buc", "pz", "ea"})
NO_BREAK = "\u00a0\u202f"
LOCALES = {"en": "en_GB"}  # where a language alone would mean another country's habits
_CODE = re.compile(r"([A-Z]{3})(?=\d)")
Values = dict[str, Any]


@lru_cache(256)
def _locale(tag: str) -> str:
    """What babel calls a language, by its language alone where need be; English for one that it does not know."""
    for name in (tag.replace("-", "_"), tag.replace("_", "-").split("-", 1)[0], FALLBACK):
        if name in LOCALES:
            return LOCALES[name]
        try:
            return str(Locale.parse(name))
        except (ValueError, UnknownLocaleError):
            continue
    return FALLBACK


@cache
def words(language: str) -> Values:
    """The fixed words of a language, or of the one that stands in for it."""
    path = TEMPLATES / f"words.{language_of((language,))}.json"
    found: Values = json.loads(path.read_text(encoding="utf-8"))
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
