"""What an order asks for, as a fingerprint: a fact that asks for nothing new is known by it."""

from alembic import op

from libs.service.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply(
        op,
        """
        ALTER TABLE known_order ADD COLUMN asked bytea, ADD COLUMN asked_at bigint, ADD COLUMN asked_since bigint;
        """,
    )
