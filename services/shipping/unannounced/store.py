"""Every statement about parcels that no row here knows of."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction, new_id
from libs.service.columns import columns
from services.shipping.couriers.port import Listed
from services.shipping.tables import UnannouncedRow

Row = Mapping[str, Any]
_WHOLE = columns(UnannouncedRow)


async def add(tx: Transaction, account: str, listed: Sequence[Listed]) -> int:
    """List those whose reference and AWB are in no row of ours; how many are new."""
    rows = await tx.sql.fetch(
        """INSERT INTO unannounced (id, account, awb, reference, order_number, booked_on)
           SELECT u.id, $1, u.awb, u.reference, u.order_number, u.booked_on
           FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::date[])
               AS u (id, awb, reference, order_number, booked_on)
           WHERE NOT EXISTS (SELECT FROM courier_call c WHERE c.reference = u.reference)
               AND NOT EXISTS (SELECT FROM shipment s WHERE s.awb = u.awb AND s.account = $1)
           ON CONFLICT DO NOTHING RETURNING true""",
        account,
        [new_id() for _ in listed],
        [each.awb for each in listed],
        [each.reference for each in listed],
        [each.order_number for each in listed],
        [each.day for each in listed],
    )
    return len(rows)


async def page(tx: Transaction, after: UUID | None, limit: int, *, closed: bool) -> list[Row]:
    """What is open, or all of it, oldest first."""
    rows: list[Row] = await tx.sql.fetch(
        f"""SELECT {_WHOLE} FROM unannounced WHERE ($1::uuid IS NULL OR id > $1) AND ($2 OR closed_at IS NULL)
           ORDER BY id LIMIT $3""",  # noqa: S608 - columns
        after,
        closed,
        limit,
    )
    return rows


async def locked(tx: Transaction, row_id: UUID) -> Row | None:
    """One of them, locked until the commit."""
    row: Row | None = await tx.sql.fetchrow(f"SELECT {_WHOLE} FROM unannounced WHERE id = $1 FOR UPDATE", row_id)  # noqa: S608
    return row


async def close(tx: Transaction, row_id: UUID, how: str, by: str, note: str | None) -> Row:
    """A person has dealt with it; as it is now."""
    row = await tx.sql.fetchrow(
        f"""UPDATE unannounced SET closed_at = now(), closed_as = $2, closed_by = $3, note = $4, version = version + 1
           WHERE id = $1 RETURNING {_WHOLE}""",  # noqa: S608 - columns
        row_id,
        how,
        by,
        note,
    )
    assert row is not None  # noqa: S101 - locked by the caller
    found: Row = row
    return found


async def stands_for(tx: Transaction, number: str) -> bool:
    """Whether an open parcel carries this order's number."""
    return bool(
        await tx.sql.fetchval(
            "SELECT EXISTS (SELECT FROM unannounced WHERE order_number = $1 AND closed_at IS NULL)", number
        )
    )


async def waiting(tx: Transaction, row: Row, shipment_id: UUID | None) -> list[UUID]:
    """The bookings of the parcel's order that wait at its account, locked; of one shipment where it is named."""
    rows = await tx.sql.fetch(
        """SELECT c.id FROM courier_call c JOIN known_order k ON k.order_id = c.order_id
           WHERE c.kind = 'book' AND c.call_state = 'due' AND c.account = $1 AND k.snapshot ->> 'number' = $2
           AND ($3::uuid IS NULL OR c.shipment_id = $3) ORDER BY c.id FOR UPDATE OF c""",
        row["account"],
        row["order_number"],
        shipment_id,
    )
    return [row["id"] for row in rows]


async def take_over(tx: Transaction, call_id: UUID, row: Row) -> None:
    """A booking that waits becomes the one that was lost: it is looked up by that one's reference."""
    await tx.sql.execute(
        """UPDATE courier_call SET reference = $2, asked_at = least(asked_at, $3::date), call_state = 'unknown',
               due_at = now(), absent = 0 WHERE id = $1""",
        call_id,
        row["reference"],
        row["booked_on"],
    )


async def let_go(tx: Transaction, order_number: str | None) -> None:
    """Bookings that waited for a person may be made now."""
    await tx.sql.execute(
        """UPDATE courier_call c SET due_at = now() FROM known_order k
           WHERE k.order_id = c.order_id AND k.snapshot ->> 'number' = $1
           AND c.kind = 'book' AND c.call_state = 'due'""",
        order_number,
    )


async def count_open(tx: Transaction) -> int:
    """How many nobody has dealt with."""
    found: int = await tx.sql.fetchval("SELECT count(*) FROM unannounced WHERE closed_at IS NULL")
    return found
