"""The first tables."""

from alembic import op

from libs.events import schema as kernel
from libs.service import schema as kit
from libs.service.migrations import apply
from libs.service.outside import CAUSE_DDL, DUE_DDL

revision = "0001"
down_revision = None


def upgrade() -> None:
    for ddl in (*kernel.VERSIONS, *kit.VERSIONS):
        apply(op, ddl)
    apply(
        op,
        f"""
        CREATE TABLE mug (
            id uuid PRIMARY KEY,
            fact_sequence bigint NOT NULL DEFAULT 0,
            version bigint NOT NULL,
            name varchar NOT NULL
        );
        CREATE TABLE errand (
            id uuid PRIMARY KEY,
            fact_sequence bigint NOT NULL DEFAULT 0,
            order_id uuid,
            what varchar NOT NULL,
            {DUE_DDL}
        );
        ALTER TABLE errand {CAUSE_DDL};
        CREATE INDEX errand_due ON errand (due_at) WHERE call_state IN ('due', 'claimed', 'unknown');
        """,
    )
