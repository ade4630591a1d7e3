"""The read table that answers every list, and its counters."""

from alembic import op

from libs.service.migrations import apply

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
