"""The statuses that a shop invents, the entries that apply them, and the rules that do it by themselves."""

from alembic import op

from libs.service.migrations import apply

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
