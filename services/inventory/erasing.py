"""What inventory forgets of a customer: facts it keeps and answers it gave; goods know nobody."""

from libs.service.personal import Erasing
from services.inventory.tables import Table

erasing = Erasing(Table.metadata, "SELECT id FROM reservation WHERE order_id = ANY($1::uuid[])")
"""By the marks in the tables."""
