"""Orders' history of its database."""

from libs.service.migrations import run
from services.orders.schema import metadata

run(metadata)
