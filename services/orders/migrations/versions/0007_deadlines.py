"""When payment and delivery are late."""

from alembic import op

from libs.service.migrations import apply

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
