"""The timeline is an audit: chained, salted, searchable by who did it."""

from alembic import op

from libs.service.migrations import apply

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    apply(op, DDL)


DDL = """

"""
