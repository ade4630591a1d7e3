"""Alembic's environment."""

from libs.service.migrations import run
from services.payments.tables import metadata

run(metadata)
