"""What a shop or marketplace submits: the shape and the limits of `POST /v1/orders`."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from libs.contracts.common import Money, Quantity
from libs.contracts.currencies import exponent
from libs.service.call import Body, Moment

MAX_LINES = 1000
MAX_ATTRIBUTES = 50
MAX_REFERERS = 10


def _not_negative(money: Money) -> Money:
    if money.minor < 0:
        raise ValueError("may not be negative")
    return money


def _positive(quantity: Quantity) -> Quantity:
    if quantity <= 0:
        raise ValueError("must be more than nothing")
    return quantity


def _percent(text: str) -> str:
    if float(text) > 100:  # noqa: PLR2004 - percent
        raise ValueError("is a percentage")
    return text


Amount = Annotated[Money, AfterValidator(_not_negative)]
Much = Annotated[Quantity, AfterValidator(_positive)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Note = Annotated[str, StringConstraints(max_length=2000)]
Attributes = Annotated[dict[Code, Annotated[str, StringConstraints(max_length=500)]], Field(max_length=MAX_ATTRIBUTES)]
FiscalIds = Annotated[dict[Code, Annotated[str, StringConstraints(min_length=1, max_length=254)]], Field(max_length=10)]
Percent = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,3}(\.[0-9]{1,2})?$"), AfterValidator(_percent), Field(examples=["21"])
]
Country = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")]


class AddressIn(Body):
    """Where something is sent or billed."""

    country: Country
    region: Short | None = None
    city: Short
    postal_code: Annotated[str, StringConstraints(max_length=16)] | None = None
    street: Name
    name: Short | None = None
    phone: Annotated[str, StringConstraints(max_length=32)] | None = None


class CompanyIn(Body):
    """A legal entity as the buyer."""

    name: Name
    vat_id: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = None
    registration: Short | None = None
    fiscal_ids: FiscalIds = Field(default_factory=dict)


class CustomerIn(Body):
    """Who orders; `id` is what the channel calls them. A guest has none."""

    id: Code | None = None
    name: Short | None = None
    email: Annotated[str, StringConstraints(min_length=3, max_length=254)] | None = None
    email_verified: bool = False
    phone: Annotated[str, StringConstraints(min_length=3, max_length=32)] | None = None


class PickupPointIn(Body):
    """A locker or a point that the customer chose."""

    id: Code
    courier: Code | None = None
    name: Short | None = None
    address: Name | None = None


class ComponentIn(Body):
    """A part of a set that is sold as one line."""

    sku: Code
    name: Name | None = None
    quantity: Much


class LineIn(Body):
    """A line: a snapshot of what was sold, which later catalogue edits do not change."""

    sku: Code
    ean: Annotated[str, StringConstraints(pattern=r"^[0-9]{8,14}$")] | None = None
    name: Name
    options: Annotated[dict[Code, Short], Field(max_length=20)] = Field(default_factory=dict)
    category: Name | None = None
    image_url: Annotated[str, StringConstraints(max_length=2000, pattern="^https?://")] | None = None
    quantity: Much
    unit: Annotated[str, StringConstraints(min_length=1, max_length=16)] = "pcs"
    unit_price: Amount = Field(description="VAT included, before the discount.")
    discount: Amount | None = Field(default=None, description="On the whole line, VAT included.")
    promotion: Short | None = None
    vat_rate: Percent | None = None
    weight_g: Annotated[int, Field(ge=0, le=10**9)] | None = None
    unit_cost: Amount | None = None
    components: Annotated[list[ComponentIn], Field(max_length=50)] = Field(default_factory=list)
    attributes: Attributes = Field(default_factory=dict)
    ships: bool = Field(default=True, description="False for a service or fee that needs no stock and no parcel.")


class ChargeIn(Body):
    """Something paid beside goods and delivery; `payment_fee` is what the payment method costs the customer."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,31}$")] = Field(
        examples=["payment_fee", "gift_wrap"]
    )
    code: Code | None = None
    name: Short | None = None
    amount: Amount
    vat_rate: Percent | None = None


class DiscountIn(ChargeIn):
    """Something taken off the order; a positive amount."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,31}$")] = Field(examples=["voucher", "loyalty"])


class TotalsIn(Body):
    """What the customer was shown: verified to the cent. total = goods + delivery + charges - discounts."""

    goods: Amount = Field(description="The sum of the lines, each after its discount.")
    delivery: Amount
    charges: Amount
    discounts: Amount
    total: Amount


class PlaceOrder(Body):
    """An order as a shop, desk, till or marketplace submits it. Prices include VAT."""

    channel: Code
    external_id: Code | None = Field(default=None, description="The channel's own id of the order, unique in it.")
    placed_at: Moment | None = Field(default=None, description="When it was placed elsewhere; needs orders:import.")
    historic: bool = Field(default=False, description="An old order, kept without any effect; needs orders:import.")
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    customer: CustomerIn | None = None
    company: CompanyIn | None = None
    fiscal_ids: FiscalIds = Field(default_factory=dict)
    billing: AddressIn | None = None
    shipping: AddressIn | None = None
    delivery_method: Code | None = None
    payment_method: Code | None = None
    pickup_point: PickupPointIn | None = None
    delivery_note: Note | None = None
    gift_note: Note | None = None
    attributes: Attributes = Field(default_factory=dict)
    referers: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=200)]], Field(max_length=MAX_REFERERS)
    ] = Field(default_factory=list)
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=MAX_LINES)]
    charges: Annotated[list[ChargeIn], Field(max_length=20)] = Field(default_factory=list)
    discounts: Annotated[list[DiscountIn], Field(max_length=20)] = Field(default_factory=list)
    totals: TotalsIn

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, value: str) -> str:
        exponent(value)
        return value
