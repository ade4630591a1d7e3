"""PayPal's money: decimal strings, its own list of currencies, its fee."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.standins.paypal.refusals import malformed, unprocessable

# RON and BGN are not among them.
CURRENCIES = frozenset((
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR", "NOK",
    "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
))  # fmt: skip
WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
VALUE = re.compile(r"^(0|[1-9]\d*)(\.\d+)?$")
FEE_SHARE, FEE_FIXED = Decimal("0.034"), Decimal("0.35")
ADDED = ("item_total", "tax_total", "shipping", "handling", "insurance")
TAKEN_OFF = ("shipping_discount", "discount")


def amount(given: Any, field: str) -> tuple[Decimal, str]:
    """Value and currency of a money object, or the refusal PayPal would give."""
    if not isinstance(given, dict) or "value" not in given or "currency_code" not in given:
        raise malformed("MISSING_REQUIRED_PARAMETER", field)
    value, currency = given["value"], given["currency_code"]
    if not isinstance(value, str) or not VALUE.match(value) or len(value) > 32:
        raise malformed("INVALID_PARAMETER_SYNTAX", f"{field}/value", value)
    if not isinstance(currency, str) or len(currency) != 3:
        raise malformed("INVALID_PARAMETER_SYNTAX", f"{field}/currency_code", currency)
    if currency not in CURRENCIES:
        raise unprocessable("CURRENCY_NOT_SUPPORTED", field=f"{field}/currency_code", value=currency)
    allowed = 0 if currency in WITHOUT_DECIMALS else 2
    if len(value.partition(".")[2]) > allowed:
        raise unprocessable("DECIMAL_PRECISION", field=f"{field}/value", value=value)
    return Decimal(value), currency


def positive(given: Any, field: str) -> tuple[Decimal, str]:
    """As ``amount``, and more than nothing."""
    value, currency = amount(given, field)
    if value <= 0:
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", field=f"{field}/value", value=value)
    return value, currency


def check_sums(unit: dict[str, Any], field: str) -> None:
    """The breakdown adds up to the amount, and the items to the breakdown."""
    value, currency = positive(unit.get("amount"), f"{field}/amount")
    parts = unit["amount"].get("breakdown") or {}
    sums = {}
    for name in (*ADDED, *TAKEN_OFF):
        sums[name] = Decimal(0)
        if name in parts:
            sums[name], other = amount(parts[name], f"{field}/amount/breakdown/{name}")
            if other != currency:
                raise unprocessable("CURRENCY_MISMATCH", field=f"{field}/amount/breakdown/{name}", value=other)
    if parts and sum(sums[name] for name in ADDED) - sum(sums[name] for name in TAKEN_OFF) != value:
        raise unprocessable("AMOUNT_MISMATCH", field=f"{field}/amount/value", value=value)
    items = unit.get("items") or []
    if items and "item_total" not in parts:
        raise unprocessable("ITEM_TOTAL_REQUIRED", field=f"{field}/amount/breakdown/item_total")
    total = Decimal(0)
    for number, item in enumerate(items):
        each, _ = amount(item.get("unit_amount"), f"{field}/items/{number}/unit_amount")
        if not str(item.get("quantity", "")).isdigit():
            raise malformed("INVALID_PARAMETER_SYNTAX", f"{field}/items/{number}/quantity", item.get("quantity"))
        if not 1 <= len(str(item.get("name", ""))) <= 127:
            raise malformed("INVALID_STRING_LENGTH", f"{field}/items/{number}/name", item.get("name"))
        total += each * int(item["quantity"])
    if items and total != sums["item_total"]:
        raise unprocessable("ITEM_TOTAL_MISMATCH", field=f"{field}/amount/breakdown/item_total", value=total)


def money(value: Decimal, currency: str) -> dict[str, str]:
    """A money object as PayPal writes it."""
    places = Decimal(1) if currency in WITHOUT_DECIMALS else Decimal("0.01")
    return {"currency_code": currency, "value": str(value.quantize(places, ROUND_HALF_UP))}


def fee(value: Decimal, currency: str) -> Decimal:
    """What PayPal keeps of a capture: 3.4% and a fixed part, never more than the capture."""
    places = Decimal(1) if currency in WITHOUT_DECIMALS else Decimal("0.01")
    return min(value, (value * FEE_SHARE + FEE_FIXED).quantize(places, ROUND_HALF_UP))
