"""Costs and profit as they are answered with."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from libs.contracts.common import Money
from services.orders.profit.costs import Group
from services.orders.profit.domain import Report, State


class CostOut(BaseModel):
    """A cost as it was said."""

    id: UUID
    kind: str
    source: str
    amount: Money
    vat_recoverable: Money
    actual: bool
    by_hand: bool
    at: datetime
    said_by: str

    @classmethod
    def of(cls, row: dict[str, Any]) -> Self:
        """From its row."""
        money = {name: Money(row[name], row["currency"]) for name in ("amount", "vat_recoverable")}
        return cls.model_validate(row | money | {"id": row["cost"]})


class CostsOut(BaseModel):
    """Everything that was said about an order's costs."""

    items: list[CostOut]


class RevenueOut(BaseModel):
    """What stays sold at one rate of VAT."""

    vat_rate: str | None
    gross: Money
    net: Money | None
    vat: Money | None


class ItemOut(BaseModel):
    """A cost as it counts."""

    part_of: Group
    kind: str
    source: str
    amount: Money
    actual: bool


class MissingOut(BaseModel):
    """What is not known, and which figure is unknown for it."""

    part_of: Group
    kind: str
    detail: str


class ProfitOut(BaseModel):
    """An order's profit; null where something that it needs is not known."""

    state: State
    missing: list[MissingOut]
    currency: str
    revenue: list[RevenueOut]
    revenue_net: Money | None
    cogs: Money | None
    gross_profit: Money | None
    fulfilment: Money | None
    payment_cost: Money | None
    other: Money | None
    contribution: Money | None
    income_tax: Money | None
    net_profit: Money | None
    margin: str | None = Field(description="The contribution in percent of revenue_net.")
    net_margin: str | None = Field(description="The net profit in percent of revenue_net.")
    items: list[ItemOut]

    @classmethod
    def of(cls, found: Report) -> Self:
        """From a report."""

        def money(minor: int | None) -> Money | None:
            return None if minor is None else Money(minor, found.currency)

        revenue = [
            {"vat_rate": each.rate, "gross": money(each.gross), "net": money(each.net), "vat": money(each.vat)}
            for each in found.revenue
        ]
        items = [
            {"part_of": i.group, "kind": i.kind, "source": i.source, "amount": money(i.amount), "actual": i.actual}
            for i in found.items
        ]
        missing = [{"part_of": each.group, "kind": each.kind, "detail": each.detail} for each in found.missing]
        figures = ("revenue_net", "gross_profit", "contribution", "income_tax", "net_profit")
        costs = (Group.COGS, Group.FULFILMENT, Group.PAYMENT_COST, Group.OTHER)
        return cls.model_validate(
            {"state": found.state, "missing": missing, "currency": found.currency, "revenue": revenue, "items": items}
            | {name: money(getattr(found, name)) for name in figures}
            | {str(group): money(found.costs[group]) for group in costs}
            | {"margin": found.margin(found.contribution), "net_margin": found.margin(found.net_profit)}
        )
