"""What shipping forgets of a customer: who and where, labels, and what couriers said in words."""

from libs.service.personal import Erasing
from services.shipping.tables import Table

SPEAKERS = """
SELECT id FROM fulfilment WHERE order_id = ANY($1::uuid[])
UNION ALL SELECT id FROM courier_call WHERE order_id = ANY($1::uuid[])
"""
erasing = Erasing(Table.metadata, SPEAKERS, alone=("known_order",))
"""By the marks in the tables."""
