"""The tables of profit as SQLModel sees them: what was said about costs, and how each seller counts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from services.orders.base import Table, big, document, moment, of, texts, words


class OrderCostRow(Table, table=True):
    """The newest that was said about one cost of an order."""

    __tablename__ = "order_cost"

    order_id: UUID = of("orders.id", primary_key=True)
    cost: UUID = Field(primary_key=True)
    version: int = big()
    kind: str = words()
    source: str = words()
    amount: int = big()
    currency: str = words()
    vat_recoverable: int = big()
    actual: bool
    by_hand: bool
    at: datetime = moment()
    said_by: str = words()


class KnownCostRow(Table, table=True):
    """What a piece of an item cost from a moment on, as inventory said; null: nobody knows any more."""

    __tablename__ = "known_cost"
    __table_args__ = (Index("known_cost_sku", "sku", "at"),)

    item: UUID = Field(primary_key=True)
    version: int = big(primary_key=True)
    sku: str = words()
    at: datetime = moment()
    amount: int | None = big(default=None)
    currency: str | None = words(default=None)


class ProfitSettingsRow(Table, table=True):
    """How a seller counts; without a row, as `Settings` begins."""

    __tablename__ = "profit_settings"

    seller: str = words(primary_key=True, foreign_key="seller.code")
    version: int = big()
    vat_deductible: bool
    income_tax: str = words()
    tax_basis_points: int
    expected: list[str] = texts()
    estimates: list[dict[str, Any]] = document()
