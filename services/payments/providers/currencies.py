"""Which money PayPal takes, and how it is written there: other decimals than ISO 4217 for some."""

from decimal import Decimal

from libs.contracts.common import Money
from libs.contracts.currencies import exponent

TAKEN = frozenset(
    [
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "ILS",
        "JPY",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "SEK",
        "SGD",
        "THB",
        "TWD",
        "USD",
    ]
)
"""PayPal's own list; RON and BGN are not on it."""
WHOLE = frozenset({"HUF", "JPY", "TWD"})
"""Written without decimals."""


def takes(money: Money) -> bool:
    """Whether this amount can be asked for."""
    if money.currency not in TAKEN:
        return False
    return money.currency not in WHOLE or money.minor % 10 ** exponent(money.currency) == 0


def written(money: Money) -> dict[str, str]:
    """The amount as PayPal reads it; ValueError when it does not take it."""
    if not takes(money):
        raise ValueError(f"PayPal does not take {money}")
    value = Decimal(money.amount)
    return {
        "currency_code": money.currency,
        "value": str(value.quantize(Decimal(1)) if money.currency in WHOLE else value),
    }


def read(given: object) -> Money:
    """An amount as PayPal writes it; ValueError when it is none."""
    if not isinstance(given, dict) or not isinstance(given.get("value"), str):
        raise ValueError("no amount")  # noqa: TRY004 - one error for one mistake
    currency = str(given.get("currency_code"))
    value = given["value"]
    if currency in WHOLE and exponent(currency):
        value = str(Decimal(value).quantize(Decimal(1).scaleb(-exponent(currency))))
    return Money.parse(value, currency)
