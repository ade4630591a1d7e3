"""When payment and delivery are late."""

from alembic import op

from libs.service.migrations import apply

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
ALTER TABLE orders
    ADD COLUMN payment_due_at timestamptz,
    ADD COLUMN delivery_due_at timestamptz,
    ADD COLUMN overdue text[] NOT NULL DEFAULT '{}' CHECK (overdue <@ '{payment,delivery}'::text[]);
CREATE INDEX orders_payment_due ON orders (payment_due_at)
    WHERE payment_due_at IS NOT NULL AND lifecycle IN ('open', 'confirmed') AND payment IN ('pending', 'failed')
    AND NOT overdue @> '{payment}'::text[];
CREATE INDEX orders_delivery_due ON orders (delivery_due_at)
    WHERE delivery_due_at IS NOT NULL AND lifecycle = 'confirmed' AND NOT delivered_told
    AND NOT overdue @> '{delivery}'::text[];
CREATE TABLE deadline_settings (
    id boolean PRIMARY KEY CHECK (id),
    version bigint NOT NULL,
    rules jsonb NOT NULL
);
INSERT INTO deadline_settings (id, version, rules) VALUES (true, 1, '[]')
"""
