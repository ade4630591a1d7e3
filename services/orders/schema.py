"""Every table of orders in one metadata."""

from services.orders.base import metadata
from services.orders.channels import tables as channels
from services.orders.customers import tables as customers
from services.orders.desk import list_tables as lists
from services.orders.desk import views_tables as views
from services.orders.lifecycle import tables as lifecycle
from services.orders.placing import tables as placing
from services.orders.profit import tables as profit
from services.orders.statuses import entry_tables as entries
from services.orders.statuses import tables as statuses

TABLES = (channels, customers, lists, lifecycle, placing, profit, entries, statuses, views)
"""The modules that fill the metadata."""

__all__ = ["TABLES", "metadata"]
