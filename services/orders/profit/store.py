"""Every statement about costs and how sellers count."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Money
from libs.events.transaction import Transaction
from services.orders.profit.costs import Cost
from services.orders.profit.domain import Estimate, Settings, TaxMode
from services.orders.profit.sale import Adjustment

# Of an item's costs the one that stood when the order was placed counts, else the first that was ever known.
_KNOWN = """
WITH seller_of AS (SELECT seller FROM channel WHERE code = $2),
said AS (
    SELECT kind, source, amount, currency, vat_recoverable, actual, by_hand FROM order_cost WHERE order_id = $1
),
unit AS (
    SELECT l.id, l.unit_cost::text AS submitted, k.amount, k.currency
    FROM order_line l LEFT JOIN LATERAL (
        SELECT amount, currency FROM known_cost WHERE sku = l.sku
        ORDER BY at > $3, CASE WHEN at <= $3 THEN at END DESC, at, version DESC LIMIT 1
    ) k ON l.unit_cost IS NULL
    WHERE l.order_id = $1
)
SELECT ARRAY(SELECT ROW(said.*) FROM said) AS costs,
       ARRAY(SELECT ROW(sign = 'discount', amount, vat_rate) FROM order_adjustment
             WHERE order_id = $1 ORDER BY position) AS adjustments,
       ARRAY(SELECT ROW(unit.*) FROM unit) AS units,
       (SELECT to_jsonb(p) FROM profit_settings p JOIN seller_of USING (seller)) AS settings
"""
_SAY = """
INSERT INTO order_cost (order_id, cost, version, kind, source, amount, currency, vat_recoverable, actual, by_hand, at,
                        said_by)
SELECT o.id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM orders o WHERE o.id = $1
ON CONFLICT (order_id, cost) DO UPDATE SET
    version = excluded.version, kind = excluded.kind, source = excluded.source, amount = excluded.amount,
    currency = excluded.currency, vat_recoverable = excluded.vat_recoverable, actual = excluded.actual,
    at = excluded.at, said_by = excluded.said_by
WHERE order_cost.version < excluded.version
RETURNING EXISTS (SELECT FROM hold WHERE order_id = $1 AND kind = 'loss' AND lifted_at IS NULL) AS held
"""
_ITEM = """
INSERT INTO known_cost (item, version, sku, at, amount, currency) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_LIST = """
SELECT cost, kind, source, amount, currency, vat_recoverable, actual, by_hand, at, said_by FROM order_cost
WHERE order_id = $1 ORDER BY kind, source, cost
"""
_SETTINGS = """
INSERT INTO profit_settings (seller, version, vat_deductible, income_tax, tax_basis_points, expected, estimates)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (seller) DO UPDATE SET version = excluded.version, vat_deductible = excluded.vat_deductible,
    income_tax = excluded.income_tax, tax_basis_points = excluded.tax_basis_points, expected = excluded.expected,
    estimates = excluded.estimates
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said about a cost: the columns of its row, in their order."""

    order_id: UUID
    cost: UUID
    version: int
    kind: str
    source: str
    amount: int
    currency: str
    vat_recoverable: int
    actual: bool
    by_hand: bool
    at: datetime
    said_by: str


@dataclass(frozen=True, slots=True)
class Known:
    """All that a report needs beside the order itself, read in one statement."""

    costs: list[Cost]
    adjustments: list[Adjustment]
    unit_costs: dict[UUID, tuple[int, str]]
    settings: Settings


async def known(tx: Transaction, order_id: UUID, channel: str, placed_at: datetime) -> Known:
    """What is known of an order's costs."""
    row = await tx.sql.fetchrow(_KNOWN, order_id, channel, placed_at)
    return Known(
        [Cost(*cost) for cost in row["costs"]],
        [Adjustment(*each) for each in row["adjustments"]],
        {line: unit for line, *said in row["units"] if (unit := _unit(*said)) is not None},
        settings_of(row["settings"])[0],
    )


def _unit(submitted: str | None, amount: int | None, currency: str | None) -> tuple[int, str] | None:
    if submitted is not None:
        told = json.loads(submitted)
        money = Money.parse(told["amount"], told["currency"])
        return money.minor, money.currency
    return None if amount is None or currency is None else (amount, currency)


async def say(tx: Transaction, said: Said) -> bool | None:
    """Keep the newest of a cost. Whether its order is held for a loss; None where nothing is new, or no order is."""
    held = await tx.sql.fetchval(_SAY, *(getattr(said, name) for name in Said.__slots__))
    return None if held is None else bool(held)


async def costs(tx: Transaction, order_id: UUID) -> list[dict[str, Any]]:
    """Everything that was said about an order's costs."""
    return [dict(row) for row in await tx.sql.fetch(_LIST, order_id)]


async def learn_item(tx: Transaction, values: tuple[Any, ...]) -> None:
    """Keep what an item cost from a moment on; `values`: the columns of known_cost."""
    await tx.sql.execute(_ITEM, *values)


async def settings(tx: Transaction, seller: str) -> tuple[Settings, int] | None:
    """How a seller counts, and the version of it (0: as everybody begins); None without such a seller."""
    row = await tx.sql.fetchrow(
        """SELECT to_jsonb(p) AS found FROM seller s LEFT JOIN profit_settings p ON p.seller = s.code
           WHERE s.code = $1 FOR UPDATE OF s""",
        seller,
    )
    return None if row is None else settings_of(row["found"])


def settings_of(found: dict[str, Any] | None) -> tuple[Settings, int]:
    """The same from its row."""
    if found is None:
        return Settings(), 0
    return Settings(
        vat_deductible=found["vat_deductible"],
        income_tax=TaxMode(found["income_tax"]),
        tax_basis_points=found["tax_basis_points"],
        expected=frozenset(found["expected"]),
        estimates=tuple(Estimate(**each) for each in found["estimates"]),
    ), found["version"]


async def write_settings(tx: Transaction, seller: str, version: int, made: Settings) -> None:
    """Count so from now on."""
    estimates = json.dumps([asdict(each) for each in made.estimates])
    flat = (made.vat_deductible, str(made.income_tax), made.tax_basis_points, sorted(made.expected), estimates)
    await tx.sql.execute(_SETTINGS, seller, version, *flat)
