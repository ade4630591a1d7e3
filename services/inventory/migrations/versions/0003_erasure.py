"""Whose person was forgotten: what comes later about them is taken without the person."""

from alembic import op

from libs.events import schema as kernel
from libs.service.migrations import apply

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    apply(op, kernel.VERSIONS[1])
