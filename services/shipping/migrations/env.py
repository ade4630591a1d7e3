"""Shipping's history of its database."""

from libs.service.migrations import run
from services.shipping.tables import Table

run(Table.metadata)
