"""Inventory's history of its database."""

from libs.service.migrations import run
from services.inventory.tables import Table

run(Table.metadata)
