"""Every statement about the webhook inbox."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.events.transaction import Transaction, new_id


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery, as it is kept."""

    provider: str
    account_id: str
    event_id: str
    event_type: str
    delivery_id: str
    occurred_at: datetime | None
    headers: dict[str, str]
    body: bytes


async def keep(tx: Transaction, new: Delivery) -> bool:
    """Keep a delivery; whether its event is new. A redelivery changes nothing."""
    done = await tx.sql.execute(
        """INSERT INTO webhook_inbox
               (id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (provider, account_id, event_id) DO NOTHING""",
        new_id(),
        new.provider,
        new.account_id,
        new.event_id,
        new.event_type,
        new.delivery_id,
        new.occurred_at,
        json.dumps(new.headers),
        new.body,
    )
    return bool(done == "INSERT 0 1")


async def close(tx: Transaction, webhook_id: UUID, outcome: str, note: str | None, order_id: UUID | None) -> None:
    """Say what became of a delivery."""
    await tx.sql.execute(
        r"""UPDATE webhook_inbox SET outcome = $2, note = $3, order_id = coalesce($4, order_id), processed_at = now(),
                body = CASE WHEN EXISTS (SELECT FROM erased_order WHERE order_id = $4) THEN '\x' ELSE body END
            WHERE id = $1""",
        webhook_id,
        outcome,
        note,
        order_id,
    )
