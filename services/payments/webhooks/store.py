"""Every statement about the webhook inbox."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.events.transaction import Transaction, UnitOfWork, new_id


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


# In the order of their names, so that two processes that keep the same events wait for each other in one order.
_KEEP = """
INSERT INTO webhook_inbox (id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body)
SELECT id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers::jsonb, body
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[],
            $9::bytea[]) AS new(id, provider, account_id, event_id, event_type, delivery_id, occurred_at, headers, body)
ORDER BY provider, account_id, event_id
ON CONFLICT (provider, account_id, event_id) DO NOTHING RETURNING id
"""


async def keep(uow: UnitOfWork, new: Sequence[Delivery]) -> list[bool]:
    """Keep deliveries, all or none, in a transaction of its own; of each whether its event is new.

    A redelivery changes nothing.
    """
    rows = [
        (new_id(), d.provider, d.account_id, d.event_id, d.event_type, d.delivery_id, d.occurred_at,
         json.dumps(d.headers), d.body)
        for d in new
    ]  # fmt: skip
    kept = {row["id"] for row in await uow.fetch(_KEEP, *map(list, zip(*rows, strict=True)))}
    return [row[0] in kept for row in rows]


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
