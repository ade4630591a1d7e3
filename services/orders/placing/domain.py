"""The rules of taking an order in: what is wrong with it, field by field. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from libs.contracts.common import Money
from libs.contracts.orders import DeliveryKind, OnShortage, PaymentKind
from libs.contracts.payments import PaymentMethodChanged
from libs.contracts.shipping import DeliveryMethodChanged
from libs.service.problems import FieldError
from services.orders.lifecycle.clock import Clock
from services.orders.placing.body import LineIn, PlaceOrder
from services.orders.placing.fiscal import vat_well_formed, well_formed

MAX_TOTAL = 10**15
PAYMENT_FEE = "payment_fee"
NEEDS_ADDRESS = frozenset({DeliveryKind.COURIER, DeliveryKind.OWN_FLEET})


@dataclass(frozen=True, slots=True)
class KnownChannel:
    """What placing needs of a channel."""

    code: str
    kind: str
    series: str
    languages: tuple[str, ...]
    on_shortage: OnShortage
    time_zone: str
    history_published: bool = True
    tracking_days: int = 180
    clock: Clock | None = None  # what deadlines are counted by; None: there are none

    @property
    def sold_elsewhere(self) -> bool:
        """Whether what it brings was sold by somebody else, and is never refused."""
        return self.kind == "marketplace"


@dataclass(frozen=True, slots=True)
class Methods:
    """The delivery and the payment method an order names, where they are known."""

    delivery: DeliveryMethodChanged | None = None
    payment: PaymentMethodChanged | None = None


def amount_of(line: LineIn) -> int:
    """Quantity times price, to the cent, half a cent up; before the discount."""
    return (line.unit_price.minor * int(line.quantity) * 2 + 1000) // 2000


def line_total(line: LineIn) -> int:
    """What the customer pays for a line; never below nothing."""
    return max(0, amount_of(line) - (line.discount.minor if line.discount else 0))


def too_large(order: PlaceOrder) -> list[FieldError]:
    """Amounts that nothing can hold: refused whoever sold it."""
    return [
        FieldError(f"lines[{n}].quantity", "quantity times price is too large")
        for n, line in enumerate(order.lines)
        if amount_of(line) > MAX_TOTAL // 1000
    ]


def other_currency(order: PlaceOrder) -> list[FieldError]:
    """Amounts in another currency than the order's: refused whoever sold it, since nothing adds up."""
    named: list[tuple[str, Money | None]] = [
        (f"totals.{name}", getattr(order.totals, name)) for name in type(order.totals).model_fields
    ]
    for n, line in enumerate(order.lines):
        named += [(f"lines[{n}].unit_price", line.unit_price), (f"lines[{n}].discount", line.discount)]
    named += [(f"charges[{n}].amount", each.amount) for n, each in enumerate(order.charges)]
    named += [(f"discounts[{n}].amount", each.amount) for n, each in enumerate(order.discounts)]
    wrong = f"is not in {order.currency}"
    return [FieldError(name, wrong) for name, money in named if money is not None and money.currency != order.currency]


def judged(order: PlaceOrder, channel: KnownChannel, methods: Methods) -> list[FieldError]:
    """Everything that is wrong: an own channel's order is refused for it, one sold elsewhere is held."""
    return [
        *_totals(order),
        *_customer(order, channel),
        *_fiscal(order),
        *_delivery(order, channel, methods.delivery),
        *_payment(order, channel, methods),
    ]


def _totals(order: PlaceOrder) -> Iterator[FieldError]:
    for n, line in enumerate(order.lines):
        if line.discount and line.discount.minor > amount_of(line):
            yield FieldError(f"lines[{n}].discount", f"is more than {_money(amount_of(line), order)}")
    totals = order.totals
    expected = {
        "goods": sum(line_total(line) for line in order.lines),
        "charges": sum(each.amount.minor for each in order.charges),
        "discounts": sum(each.amount.minor for each in order.discounts),
    }
    expected["total"] = expected["goods"] + totals.delivery.minor + expected["charges"] - expected["discounts"]
    for name, minor in expected.items():
        if getattr(totals, name).minor != minor:
            yield FieldError(f"totals.{name}", f"expected {_money(minor, order)}")


def _customer(order: PlaceOrder, channel: KnownChannel) -> Iterator[FieldError]:
    email = order.customer.email if order.customer else None
    if email is None:
        if channel.kind in {"web", "marketplace"}:
            yield FieldError("customer.email", "is missing")
        return
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError as error:
        yield FieldError("customer.email", str(error))


def _fiscal(order: PlaceOrder) -> Iterator[FieldError]:
    for name, text in order.fiscal_ids.items():
        if not well_formed(name, text):
            yield FieldError(f"fiscal_ids.{name}", "is not well formed")
    if order.company is None:
        return
    if order.company.vat_id is not None and not vat_well_formed(order.company.vat_id):
        yield FieldError("company.vat_id", "is not well formed")
    for name, text in order.company.fiscal_ids.items():
        if not well_formed(name, text):
            yield FieldError(f"company.fiscal_ids.{name}", "is not well formed")


def _delivery(order: PlaceOrder, channel: KnownChannel, method: DeliveryMethodChanged | None) -> Iterator[FieldError]:
    if method is None or not method.active:
        if order.delivery_method is not None:
            yield FieldError("delivery_method", "is not offered")
        elif any(line.ships for line in order.lines):
            yield FieldError("delivery_method", "is missing")
        return
    yield from _reaches(order, method)
    if channel.sold_elsewhere:
        return  # its price is the marketplace's own
    if method.price is not None and method.price.currency != order.currency:
        yield FieldError("delivery_method", f"has no price in {order.currency}")
    elif order.totals.delivery.minor != (price := delivery_price(order, method)):
        yield FieldError("totals.delivery", f"expected {_money(price, order)}")


def _reaches(order: PlaceOrder, method: DeliveryMethodChanged) -> Iterator[FieldError]:
    address = order.shipping or order.billing
    if method.companies_only and not _is_company(order):
        yield FieldError("delivery_method", "is for companies with a VAT id")
    if method.kind in NEEDS_ADDRESS and address is None:
        yield FieldError("shipping", "is missing")
    if method.countries and address is not None and address.country not in method.countries:
        yield FieldError("delivery_method", f"does not deliver to {address.country}")
    if method.kind == DeliveryKind.LOCKER and order.pickup_point is None:
        yield FieldError("pickup_point", "is missing")


def delivery_price(order: PlaceOrder, method: DeliveryMethodChanged) -> int:
    """What the method costs this order: flat, nothing from a set value of goods, nothing at the premises."""
    if method.price is None or method.kind == DeliveryKind.PICKUP:
        return 0
    free = method.free_from
    goods = sum(line_total(line) for line in order.lines)
    return 0 if free is not None and free.currency == order.currency and goods >= free.minor else method.price.minor


def _payment(order: PlaceOrder, channel: KnownChannel, methods: Methods) -> Iterator[FieldError]:
    method = methods.payment
    if method is None or not method.active:
        if order.payment_method is not None:
            yield FieldError("payment_method", "is not offered")
        elif not channel.sold_elsewhere:
            yield FieldError("payment_method", "is missing")
        return
    if method.companies_only and not _is_company(order):
        yield FieldError("payment_method", "is for companies with a VAT id")
    if method.currencies and order.currency not in method.currencies:
        yield FieldError("payment_method", f"does not take {order.currency}")
    if methods.delivery and method.delivery_kinds and methods.delivery.kind not in method.delivery_kinds:
        yield FieldError("payment_method", f"is not offered with {order.delivery_method}")
    if channel.sold_elsewhere:
        return  # its fee is the marketplace's own
    fee = method.fee
    charged = sum(each.amount.minor for each in order.charges if each.kind == PAYMENT_FEE)
    if fee is not None and fee.minor and fee.currency != order.currency:
        yield FieldError("payment_method", f"has no fee in {order.currency}")
    elif charged != (expected := fee.minor if fee else 0):
        yield FieldError("charges", f"expected a {PAYMENT_FEE} of {_money(expected, order)}")


def payment_kind(order: PlaceOrder, channel: KnownChannel, method: PaymentMethodChanged | None) -> PaymentKind | None:
    """How its money moves; what a marketplace sold without naming a method, it collects itself."""
    if method is not None:
        return PaymentKind(method.kind) if method.kind in set(PaymentKind) else None
    return PaymentKind.EXTERNAL if channel.sold_elsewhere and order.payment_method is None else None


def _is_company(order: PlaceOrder) -> bool:
    company = order.company
    return company is not None and company.vat_id is not None and vat_well_formed(company.vat_id)


def _money(minor: int, order: PlaceOrder) -> Money:
    return Money(minor, order.currency)
