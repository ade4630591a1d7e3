"""A call to a mail server or gateway remembers what made it due, so that its outcome is told as following from that."""

from alembic import op

from libs.service.migrations import apply
from libs.service.outside import CAUSE_DDL

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    apply(op, f"ALTER TABLE message {CAUSE_DDL};")
