"""What notifications forgets of a customer: every message to them or about them, their addresses and wishes."""

from collections.abc import Sequence
from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.personal import Erasing
from services.notifications.tables import Table

_BOUNCES = """
DELETE FROM bounced_address b USING message m
WHERE m.order_id = ANY($1::uuid[]) AND b.address_hash = m.recipient_hash
"""
# Who is sending it just now finds that the claim is not theirs any more, and records nothing.
_UNSENT = """
UPDATE message SET call_state = 'failed', claim = NULL, claimed_until = NULL, version = version + 1
WHERE order_id = ANY($1::uuid[]) AND call_state IN ('due', 'claimed', 'unknown')
"""


class Forgetting(Erasing):
    """By the marks in the tables; before that, what is still to be sent is not, and no address is remembered as bad."""

    async def forget(self, tx: Transaction, orders: Sequence[UUID], customer: UUID | None) -> dict[str, int]:
        """See Erasing."""
        for statement in (_BOUNCES, _UNSENT):
            await tx.sql.execute(statement, list(orders))
        return await super().forget(tx, orders, customer)


erasing = Forgetting(
    Table.metadata, "SELECT id FROM message WHERE order_id = ANY($1::uuid[])", alone=("known_order", "message")
)
"""The eraser of this service."""
