"""A call to a courier remembers what made it due, so that its outcome is told as following from that."""

from alembic import op

from libs.service.migrations import apply
from libs.service.outside import CAUSE_DDL

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    apply(op, f"ALTER TABLE courier_call {CAUSE_DDL};")
