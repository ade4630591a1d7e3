"""What an order cost, and what it earned."""

from alembic import op

from libs.service.migrations import apply

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
CREATE TABLE order_cost (
    order_id uuid NOT NULL REFERENCES orders (id),
    cost uuid NOT NULL,
    version bigint NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    vat_recoverable bigint NOT NULL,
    actual boolean NOT NULL,
    by_hand boolean NOT NULL,
    at timestamptz NOT NULL,
    said_by text NOT NULL,
    PRIMARY KEY (order_id, cost)
);
CREATE TABLE known_cost (
    item uuid NOT NULL,
    version bigint NOT NULL,
    sku text NOT NULL,
    at timestamptz NOT NULL,
    amount bigint,
    currency text,
    PRIMARY KEY (item, version)
);
CREATE INDEX known_cost_sku ON known_cost (sku, at);
CREATE TABLE profit_settings (
    seller text PRIMARY KEY REFERENCES seller (code),
    version bigint NOT NULL,
    vat_deductible boolean NOT NULL,
    income_tax text NOT NULL CHECK (income_tax IN ('none', 'pct_of_revenue_net', 'pct_of_positive_contribution')),
    tax_basis_points integer NOT NULL CHECK (tax_basis_points BETWEEN 0 AND 10000),
    expected text[] NOT NULL,
    estimates jsonb NOT NULL
)
"""
