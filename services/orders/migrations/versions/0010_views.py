"""Views that people keep."""

from alembic import op

from libs.service.migrations import apply

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
