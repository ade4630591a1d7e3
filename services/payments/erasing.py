"""What payments forgets of a customer: what providers and people said of who paid; the money and its ledger stay."""

from libs.service.personal import Erasing
from services.payments.tables import metadata

SPEAKERS = """
SELECT id FROM payment WHERE order_id = ANY($1::uuid[])
UNION ALL SELECT id FROM payment_call WHERE order_id = ANY($1::uuid[])
UNION ALL SELECT id FROM webhook_inbox WHERE order_id = ANY($1::uuid[])
"""
erasing = Erasing(metadata, SPEAKERS)
"""By the marks in the tables."""
