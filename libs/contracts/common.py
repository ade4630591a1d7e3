"""What more than one service says: money, quantities, people and addresses, and facts that any service may state."""

import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache, total_ordering
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from libs.contracts.currencies import exponent
from libs.events.contract import Event, Part, known
from libs.events.work import Stuck, WorkCleared, WorkStuck

__all__ = [
    "PIECE",
    "Address",
    "Company",
    "Cost",
    "CostRecorded",
    "Money",
    "Person",
    "PickupPoint",
    "Quantity",
    "Stuck",
    "WorkCleared",
    "WorkStuck",
]

_AMOUNT = re.compile(r"^-?\d{1,15}(\.\d{1,4})?$", re.ASCII)
MAX_MINOR = 10**15
REMEMBERED = 4096
"""How many texts of amounts and of quantities are read and written only once: a fact says the same few many times."""


@lru_cache(REMEMBERED)
def _minor(amount: str, currency: str) -> int:
    if not _AMOUNT.fullmatch(amount):
        raise ValueError("an amount is decimal text such as 12.34")
    try:
        minor = Decimal(amount).scaleb(exponent(currency))
    except InvalidOperation as error:
        raise ValueError("an amount is decimal text such as 12.34") from error
    if minor != minor.to_integral_value():
        raise ValueError(f"{currency} has {exponent(currency)} decimals")
    if abs(minor) > MAX_MINOR:
        raise ValueError("the amount is too large")
    return int(minor)


@lru_cache(REMEMBERED)
def _amount(minor: int, currency: str) -> str:
    decimals = exponent(currency)
    return str(Decimal(minor).scaleb(-decimals).quantize(Decimal(1).scaleb(-decimals)))


@total_ordering
class Money:
    """An exact amount: integer minor units of a currency. On the wire `{"amount": "12.34", "currency": "RON"}`.

    Adding or comparing different currencies is a ValueError.
    """

    __slots__ = ("currency", "minor")
    minor: int
    currency: str

    def __init__(self, minor: int, currency: str) -> None:
        """`minor` in cents, or whatever the currency's smallest unit is."""
        exponent(currency)
        self.minor = minor
        self.currency = currency

    @classmethod
    def parse(cls, amount: str, currency: str) -> Self:
        """From decimal text; ValueError when it is no amount or has more decimals than the currency."""
        return cls(_minor(amount, currency), currency)

    @classmethod
    def zero(cls, currency: str) -> Self:
        """Nothing, in that currency."""
        return cls(0, currency)

    @property
    def amount(self) -> str:
        """Decimal text with all decimals of the currency."""
        return _amount(self.minor, self.currency)

    def _same(self, other: "Money") -> None:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")

    def __add__(self, other: "Money") -> "Money":
        """The sum."""
        self._same(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        """The difference."""
        self._same(other)
        return Money(self.minor - other.minor, self.currency)

    def __neg__(self) -> "Money":
        """The opposite amount."""
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        """Whether it is not zero."""
        return self.minor != 0

    def __eq__(self, other: object) -> bool:
        """Equal in amount and currency."""
        return isinstance(other, Money) and (other.minor, other.currency) == (self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        """Smaller amount of the same currency."""
        self._same(other)
        return self.minor < other.minor

    def __hash__(self) -> int:
        """By amount and currency."""
        return hash((self.minor, self.currency))

    def __repr__(self) -> str:
        """As a person writes it."""
        return f"{self.amount} {self.currency}"

    def wire(self) -> dict[str, str]:
        """The JSON form."""
        return {"amount": self.amount, "currency": self.currency}

    @classmethod
    def _validated(cls, value: Any) -> "Money":
        if isinstance(value, Money):
            return value
        if not isinstance(value, dict) or set(value) != {"amount", "currency"}:
            raise ValueError('money is {"amount": "12.34", "currency": "RON"}')
        if not isinstance(value["amount"], str) or not isinstance(value["currency"], str):
            raise ValueError("amount and currency are text")  # noqa: TRY004 - pydantic wants ValueError
        return cls.parse(value["amount"], value["currency"])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from the wire form, serialise to it."""
        return core_schema.no_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda money: money.wire()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As OpenAPI shows it."""
        return {
            "type": "object",
            "title": "Money",
            "additionalProperties": False,
            "required": ["amount", "currency"],
            "properties": {
                "amount": {"type": "string", "pattern": _AMOUNT.pattern, "examples": ["12.34"]},
                "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["RON"]},
            },
        }


_QUANTITY = re.compile(r"^-?\d{1,12}(\.\d{1,3})?$", re.ASCII)


@lru_cache(REMEMBERED)
def _thousandths(text: str) -> int:
    if not _QUANTITY.fullmatch(text):
        raise ValueError('a quantity is decimal text with up to 3 decimals, such as "2" or "0.250"')
    return int(Decimal(text).scaleb(3))


@lru_cache(REMEMBERED)
def _text(thousandths: int) -> str:
    return f"{Decimal(thousandths).scaleb(-3).normalize():f}"


class Quantity(int):
    """How much of something: an int of thousandths inside, decimal text such as "0.250" on the wire.

    Sums of quantities are plain ints of thousandths; a model takes only a `Quantity` or the wire's text, so that
    nobody mistakes thousandths for pieces.
    """

    @classmethod
    def parse(cls, text: str) -> Self:
        """From decimal text with up to 3 decimals; ValueError otherwise."""
        return cls(_thousandths(text))

    @property
    def text(self) -> str:
        """The wire form, without needless zeros."""
        return _text(int(self))

    def __repr__(self) -> str:
        """As a person writes it."""
        return f"Quantity({self.text})"

    @classmethod
    def _validated(cls, value: Any) -> "Quantity":
        if isinstance(value, Quantity):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        raise ValueError('a quantity is decimal text with up to 3 decimals, such as "2" or "0.250"')

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate from the wire form, serialise to it."""
        return core_schema.no_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda quantity: quantity.text),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As OpenAPI shows it."""
        return {"type": "string", "title": "Quantity", "pattern": _QUANTITY.pattern, "examples": ["2", "0.250"]}


PIECE = Quantity(1000)
"""One whole unit."""


class Address(Part):
    """Where something is sent or billed. `region` is a county, province or département."""

    country: str  # ISO 3166-1 alpha-2
    region: str | None = None
    city: str
    postal_code: str | None = None
    street: str  # street, number, building, entrance, floor, apartment
    name: str | None = None  # who receives, where it is not the customer
    phone: str | None = None


class Company(Part):
    """A legal entity as a buyer, with its fiscal ids: `cui`, `codice_fiscale`, `sdi_code`, `pec`, `siret` ..."""

    name: str
    vat_id: str | None = None
    registration: str | None = None
    fiscal_ids: dict[str, str] = Field(default_factory=dict)


class PickupPoint(Part):
    """A locker or a point that the customer chose."""

    id: str
    courier: str | None = None
    name: str | None = None
    address: str | None = None


class Cost(StrEnum):
    """What an order can cost the shop."""

    DELIVERY = "delivery"
    PAYMENT_FEE = "payment_fee"
    RETURN_DELIVERY = "return_delivery"
    OTHER = "other"


class CostRecorded(Event):
    """A cost of one order; an actual one replaces the estimate of the same kind and source."""

    topic: ClassVar[str] = "cost.recorded"
    cost: UUID
    version: int
    order_id: UUID
    kind: known(Cost)  # type: ignore[valid-type]
    amount: Money
    actual: bool
    source: str

    @property
    def key(self) -> str:
        """The order's id."""
        return str(self.order_id)


class Person(Part):
    """Personal data about an order's customer: the only place in a fact where any stands."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: Company | None = None
    fiscal_ids: dict[str, str] = Field(default_factory=dict)  # of a person who buys for themselves
    billing: Address | None = None
    shipping: Address | None = None
    delivery_note: str | None = None
    gift_note: str | None = None
    comment: str | None = None  # what an operator wrote to them beside a status
    tracking: str | None = None  # the token of the link that opens this order's history to them
