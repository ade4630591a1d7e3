"""Every statement about labels."""

from uuid import UUID

from libs.events.transaction import Transaction
from services.shipping.shipment import Shipment


async def label(tx: Transaction, each: Shipment, size: str, format_: str) -> bytes | None:
    """The stored label of a shipment's present AWB."""
    content: bytes | None = await tx.sql.fetchval(
        "SELECT content FROM label WHERE shipment_id = $1 AND awb = $2 AND size = $3 AND format = $4",
        each.id,
        each.awb,
        size,
        format_,
    )
    return content


async def keep_label(tx: Transaction, shipment_id: UUID, awb: str, size: str, format_: str, content: bytes) -> None:
    """Store a label; the first one stays, and none does once its customer was erased."""
    await tx.sql.execute(
        """INSERT INTO label (shipment_id, awb, size, format, sha256, content)
           SELECT $1, $2, $3, $4, sha256($5), $5
           WHERE NOT EXISTS (SELECT FROM shipment JOIN erased_order USING (order_id) WHERE id = $1)
           ON CONFLICT DO NOTHING""",
        shipment_id,
        awb,
        size,
        format_,
        content,
    )


async def label_refused(tx: Transaction, reference: str) -> str | None:
    """Why a courier would not give a label, where it would not."""
    why: str | None = await tx.sql.fetchval(
        "SELECT last_error FROM courier_call WHERE reference = $1 AND call_state = 'failed'", reference
    )
    return why
