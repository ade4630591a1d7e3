"""How a customer follows an order."""

from alembic import op

from libs.service.migrations import apply

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    apply(op, DDL)


DDL = """
ALTER TABLE orders ADD COLUMN tracking_token text, ADD COLUMN visible boolean;
"""
