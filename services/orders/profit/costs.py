"""What an order costs: kinds, where each is counted, and which of the things said counts. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class CostKind(StrEnum):
    """What an order can cost the shop; other services may say more kinds."""

    GOODS = "goods"
    DELIVERY = "delivery"
    RETURN_DELIVERY = "return_delivery"
    PACKAGING = "packaging"
    PICKING = "picking"
    PAYMENT_FEE = "payment_fee"
    COLLECTION_FEE = "collection_fee"  # what a courier takes for collecting cash
    CHARGEBACK = "chargeback"
    COMMISSION = "commission"
    ADVERTISING = "advertising"
    OTHER = "other"


class Group(StrEnum):
    """A figure of the report."""

    REVENUE = "revenue"
    COGS = "cogs"
    FULFILMENT = "fulfilment"
    PAYMENT_COST = "payment_cost"
    OTHER = "other"


GROUPS: Mapping[str, Group] = {
    CostKind.GOODS: Group.COGS,
    CostKind.DELIVERY: Group.FULFILMENT,
    CostKind.RETURN_DELIVERY: Group.FULFILMENT,
    CostKind.PACKAGING: Group.FULFILMENT,
    CostKind.PICKING: Group.FULFILMENT,
    CostKind.PAYMENT_FEE: Group.PAYMENT_COST,
    CostKind.COLLECTION_FEE: Group.PAYMENT_COST,
    CostKind.CHARGEBACK: Group.PAYMENT_COST,
}
"""Where a kind of cost is counted; any other kind is `other`."""


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost as somebody said it; `vat` is the part of the amount that a seller may deduct."""

    kind: str
    source: str
    amount: int
    currency: str
    vat: int = 0
    actual: bool = False
    by_hand: bool = False


def in_force(said: Iterable[Cost]) -> list[Cost]:
    """The costs that count: of one kind and source the actual ones before estimates, a person's word before others."""
    by_name: dict[tuple[str, str], list[Cost]] = {}
    for cost in said:
        by_name.setdefault((cost.kind, cost.source), []).append(cost)
    found = []
    for costs in by_name.values():
        best = max((cost.actual, cost.by_hand) for cost in costs)
        found += [cost for cost in costs if (cost.actual, cost.by_hand) == best]
    return sorted(found, key=lambda cost: (cost.kind, cost.source, cost.amount, cost.currency, cost.vat))
