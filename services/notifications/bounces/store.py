"""Every statement about addresses that bounced: known by their hash alone."""

from datetime import datetime
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.notifications.bounces.domain import BounceKind
from services.notifications.tables import BouncedAddress

Row = dict[str, Any]
_ADDRESS = columns(BouncedAddress)


async def note(tx: Transaction, address_hash: str, kind: BounceKind, reason: str, reported_by: str) -> Row:
    """Send nothing there any more; the first report stands."""
    row = await tx.sql.fetchrow(
        f"""WITH added AS (
               INSERT INTO bounced_address (address_hash, kind, reason, reported_by) VALUES ($1, $2, $3, $4)
               ON CONFLICT (address_hash) DO NOTHING RETURNING {_ADDRESS}
           )
           SELECT {_ADDRESS} FROM added
           UNION ALL SELECT {_ADDRESS} FROM bounced_address WHERE address_hash = $1 LIMIT 1""",  # noqa: S608 - columns
        address_hash,
        kind,
        reason,
        reported_by,
    )
    assert row is not None  # noqa: S101 - added, or there before
    return dict(row)


async def last_sent(tx: Transaction, address_hash: str) -> Row | None:
    """The newest message that a carrier took for this address and that has not come back, marked as come back now."""
    row = await tx.sql.fetchrow(
        """UPDATE message SET bounced_at = now(), version = version + 1
           WHERE id = (SELECT id FROM message WHERE recipient_hash = $1 AND call_state = 'succeeded'
                       ORDER BY id DESC LIMIT 1 FOR UPDATE) AND bounced_at IS NULL
           RETURNING id, order_id, kind, by, version""",
        address_hash,
    )
    return dict(row) if row else None


async def forget(tx: Transaction, address_hash: str) -> bool:
    """Send there again; whether anything stood in the way."""
    return bool(
        await tx.sql.fetchval("DELETE FROM bounced_address WHERE address_hash = $1 RETURNING true", address_hash)
    )


async def page(tx: Transaction, place: tuple[datetime, str] | None, limit: int) -> list[Row]:
    """Addresses that bounced, newest first."""
    at, address_hash = place or (None, None)
    rows = await tx.sql.fetch(
        f"""SELECT {_ADDRESS} FROM bounced_address
           WHERE $1::timestamptz IS NULL OR (bounced_at, address_hash) < ($1, $2::text)
           ORDER BY bounced_at DESC, address_hash DESC LIMIT $3""",  # noqa: S608 - columns
        at,
        address_hash,
        limit,
    )
    return [dict(row) for row in rows]


async def by_hash(tx: Transaction, message: UUID) -> str | None:
    """The hash of the address that a message went to."""
    found: str | None = await tx.sql.fetchval("SELECT recipient_hash FROM message WHERE id = $1", message)
    return found
