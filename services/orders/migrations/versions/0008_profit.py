"""What an order cost, and what it earned."""

from alembic import op

from libs.service.migrations import apply

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
