"""The read table that answers every list, and its counters.

Nothing is filled here, because orders would stand still meanwhile: `python -m services.orders rebuild-lists` does it
while they move. What lists no longer read has no index any more: an order that moves writes these instead.
"""

from alembic import op

from libs.service.migrations import apply

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
CREATE TABLE order_list (
    order_id uuid PRIMARY KEY REFERENCES orders (id),
    placed_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    total bigint NOT NULL,
    due_at timestamptz NOT NULL,
    lifecycle text NOT NULL,
    order_status uuid,
    payment_status uuid,
    shipping_status uuid,
    indicator text,
    holds text[] NOT NULL,
    overdue text[] NOT NULL,
    awbs text[] NOT NULL,
    marks text[] NOT NULL
);
CREATE INDEX order_list_placed ON order_list (placed_at, order_id);
CREATE INDEX order_list_updated ON order_list (updated_at, order_id);
CREATE INDEX order_list_total ON order_list (total, order_id);
CREATE INDEX order_list_due ON order_list (due_at, order_id);
CREATE INDEX order_list_lifecycle ON order_list (lifecycle, placed_at, order_id);
CREATE INDEX order_list_order_status ON order_list (order_status, placed_at, order_id) WHERE order_status IS NOT NULL;
CREATE INDEX order_list_payment_status ON order_list (payment_status, placed_at, order_id)
    WHERE payment_status IS NOT NULL;
CREATE INDEX order_list_shipping_status ON order_list (shipping_status, placed_at, order_id)
    WHERE shipping_status IS NOT NULL;
CREATE INDEX order_list_marks ON order_list USING gin (marks) WITH (gin_pending_list_limit = 256);
CREATE TABLE order_search (
    order_id uuid PRIMARY KEY REFERENCES orders (id),
    words tsvector NOT NULL,
    plain text[] NOT NULL,
    referers text[] NOT NULL,
    skus text[] NOT NULL
);
CREATE INDEX order_search_all ON order_search USING gin (words, referers, skus) WITH (gin_pending_list_limit = 256);
CREATE TABLE counter (
    name text PRIMARY KEY,
    total bigint NOT NULL
);
CREATE TABLE counter_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    change bigint NOT NULL
);
DROP INDEX orders_lifecycle;
DROP INDEX orders_referers
"""
