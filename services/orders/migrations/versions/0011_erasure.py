"""How a customer wants to be told, that one is forgotten, and whose orders those were."""

from alembic import op

from libs.events import schema as kernel
from libs.service.migrations import apply

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    apply(op, DDL)


DDL = f"""
{kernel.VERSIONS[1]}
ALTER TABLE customer
    ADD COLUMN by_mail boolean NOT NULL DEFAULT true,
    ADD COLUMN by_sms boolean NOT NULL DEFAULT true,
    ADD COLUMN erased_at timestamptz;
CREATE INDEX channel_customer_customer ON channel_customer (customer_id);
CREATE TABLE erasure (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL REFERENCES customer (id),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    orders uuid[] NOT NULL,
    done jsonb NOT NULL,
    log_due_at timestamptz,
    log_rounds integer NOT NULL DEFAULT 0
);
CREATE INDEX ix_erasure_customer_id ON erasure (customer_id);
CREATE INDEX erasure_log_due ON erasure (log_due_at) WHERE log_due_at IS NOT NULL;
"""
