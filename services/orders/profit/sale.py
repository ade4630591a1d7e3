"""An order read as a sale: what of it stays sold, at which rates of VAT, and which costs an order like it has. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from libs.contracts.orders import DeliveryKind, Lifecycle, PaymentKind
from libs.contracts.shipping import ShipmentState
from services.orders.lifecycle.axes import MOVED
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lines import Line
from services.orders.profit.costs import CostKind
from services.orders.profit.domain import Sale
from services.orders.profit.vat import rounded, spread

PIECE = 1000


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A charge (`discount` false) or a discount on the whole order, as it was agreed."""

    discount: bool
    amount: int
    vat_rate: str | None = None


UnitCosts = Mapping[UUID, tuple[int, str]]
"""What a piece of a line costs, in minor units of a currency; lines of which it is not known are left out."""


def sale_of(order: Order, adjustments: Sequence[Adjustment], unit_costs: UnitCosts) -> Sale:
    """What a report needs of an order as it is now."""
    back = order.heard.quantities({ShipmentState.RETURNED})
    return Sale(
        currency=order.currency,
        gross=_gross(order, adjustments, back),
        charged=order.due,
        goods=tuple(_goods(order, line, back.get(line.id, 0), unit_costs) for line in order.lines),
        incurs=_incurs(order),
        delivery_method=order.delivery_method,
        payment_method=order.payment_method,
    )


def _goods(order: Order, line: Line, back: int, unit_costs: UnitCosts) -> tuple[str, int | None]:
    """What the goods of a line cost that do not come back; of a cancelled order those alone that had left."""
    gone = line.wanted
    if order.lifecycle is Lifecycle.CANCELLED:
        gone = order.heard.quantities(MOVED).get(line.id, 0)
    quantity = max(0, gone - back)
    cost, currency = unit_costs.get(line.id, (None, order.currency))
    if quantity == 0:
        return line.sku, 0
    if cost is None or currency != order.currency:
        return line.sku, None
    return line.sku, rounded(Fraction(cost * quantity, PIECE))


def _gross(order: Order, adjustments: Sequence[Adjustment], back: Mapping[UUID, int]) -> dict[str | None, int]:
    """What stays sold, by VAT rate. Delivery and charges follow the goods, as VAT law has it.

    What came back takes its share of the discounts with it; once nothing is left, delivery is not sold either. Money
    given back beyond that is no revenue.
    """
    found: dict[str | None, int] = dict.fromkeys((line.vat_rate for line in order.lines), 0)
    if order.lifecycle is Lifecycle.CANCELLED or _all_came_back(order, back):
        return found
    goods = [line.total - line.cut_value for line in order.lines]
    shared = sum(each.amount for each in adjustments if each.discount and each.vat_rate is None)
    goods = [part - off for part, off in zip(goods, spread(shared, goods), strict=True)]
    by_rate = dict(found)
    for line, part in zip(order.lines, goods, strict=True):
        by_rate[line.vat_rate] += part
    for line, part in zip(order.lines, goods, strict=True):
        returned = min(back.get(line.id, 0), line.wanted)
        found[line.vat_rate] += part - (rounded(Fraction(part * returned, line.wanted)) if returned else 0)
    for each in adjustments:
        if each.vat_rate is not None:
            found[each.vat_rate] = found.get(each.vat_rate, 0) + (-each.amount if each.discount else each.amount)
    for amount in _delivery_and_charges(order, adjustments):
        _follow_the_goods(found, amount, by_rate)
    _follow_the_goods(found, -_given_back(order, sum(found.values())), found)
    return found


def _all_came_back(order: Order, back: Mapping[UUID, int]) -> bool:
    sent = [line for line in order.lines if line.ships]
    return bool(back) and all(line.wanted <= back.get(line.id, 0) for line in sent)


def _delivery_and_charges(order: Order, adjustments: Sequence[Adjustment]) -> list[int]:
    """What was agreed beside goods and is not taxed by itself: delivery, then each charge.

    Delivery is what the agreed total holds beside all else, so that all parts are the total, whatever was said.
    """
    named = sum(-each.amount if each.discount else each.amount for each in adjustments)
    delivery = order.total - sum(line.total for line in order.lines) - named
    return [delivery, *(each.amount for each in adjustments if not each.discount and each.vat_rate is None)]


def _given_back(order: Order, kept: int) -> int:
    """What of `kept` the customer was given back all the same."""
    payments = order.heard.payments.values()
    received = sum(payment.received.minor for payment in payments if payment.received.currency == order.currency)
    refunded = sum(payment.refunded.minor for payment in payments if payment.refunded.currency == order.currency)
    return max(0, kept - max(0, received - refunded)) if refunded else 0


def _follow_the_goods(found: dict[str | None, int], amount: int, goods: Mapping[str | None, int]) -> None:
    weights = {rate: max(0, part) for rate, part in goods.items()}
    for rate, part in zip(weights, spread(amount, list(weights.values())), strict=True):
        found[rate] = found.get(rate, 0) + part


def _incurs(order: Order) -> frozenset[str]:
    """The kinds of cost that an order like this has, as far as it has come."""
    states = {shipment.state for shipment in order.heard.shipments}
    moved, cancelled = bool(states & MOVED), order.lifecycle is Lifecycle.CANCELLED
    found: set[CostKind] = set()
    if moved or (not cancelled and order.wanted):
        found |= {CostKind.PACKAGING, CostKind.PICKING}
        if order.delivery_kind is not DeliveryKind.PICKUP:
            found.add(CostKind.DELIVERY)
        if order.payment_kind is PaymentKind.CASH_ON_DELIVERY:
            found.add(CostKind.COLLECTION_FEE)
    if states & {ShipmentState.RETURNING, ShipmentState.RETURNED}:
        found.add(CostKind.RETURN_DELIVERY)
    paid = any(payment.received.minor for payment in order.heard.payments.values())
    if order.payment_kind is PaymentKind.PAYPAL and order.total and (paid or not cancelled):
        found.add(CostKind.PAYMENT_FEE)
    if not cancelled:
        found |= {CostKind.ADVERTISING, CostKind.OTHER}
        if order.payment_kind is PaymentKind.EXTERNAL:
            found.add(CostKind.COMMISSION)
    return frozenset(found)
