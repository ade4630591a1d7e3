"""Lists by lifecycle and by hold read what they show, however many orders there are."""

from alembic import op

from libs.service.migrations import apply

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    apply(
        op,
        """
        CREATE INDEX orders_lifecycle ON orders (lifecycle, placed_at, id);
        CREATE INDEX hold_standing ON hold (kind, order_id) WHERE lifted_at IS NULL;
        """,
    )
