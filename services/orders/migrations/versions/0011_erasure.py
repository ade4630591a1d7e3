"""How a customer wants to be told, and that one is forgotten."""

from alembic import op

from libs.service.migrations import apply

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
