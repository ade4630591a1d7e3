"""Where alembic begins."""

from libs.service.migrations import run
from services.notifications.tables import Table

run(Table.metadata)
