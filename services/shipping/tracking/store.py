"""Every statement about tracking events, polling and callbacks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from libs.events.transaction import Transaction, new_id
from libs.service.columns import columns
from services.shipping.tables import CallbackRow
from services.shipping.tracking.domain import Seen, Status


async def keep(
    tx: Transaction, shipment_id: UUID, events: Sequence[Seen], source: str
) -> list[tuple[Status, datetime]]:
    """Store what was not known yet; all that was ever said about the shipment, or nothing where all was known."""
    rows = await tx.sql.fetch(
        """WITH kept AS (
               INSERT INTO tracking_event (id, shipment_id, awb, code, status, text, location, occurred_at, source)
               SELECT id, $1, awb, code, status, CASE WHEN NOT e.erased THEN text ELSE '' END, location, occurred_at, $9
               FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])
                   AS u (id, awb, code, status, text, location, occurred_at),
                    (SELECT EXISTS (SELECT FROM shipment JOIN erased_order USING (order_id) WHERE id = $1)) e (erased)
               ON CONFLICT DO NOTHING RETURNING status, occurred_at
           )
           SELECT true AS is_new, status, occurred_at FROM kept
           UNION ALL SELECT false, status, occurred_at FROM tracking_event WHERE shipment_id = $1""",
        shipment_id,
        [new_id() for _ in events],
        [event.awb for event in events],
        [event.code for event in events],
        [event.status.value for event in events],
        [event.text for event in events],
        [event.location for event in events],
        [event.occurred_at for event in events],
        source,
    )
    if not any(row["is_new"] for row in rows):
        return []
    return [(Status(row["status"]), row["occurred_at"]) for row in rows]


async def events(tx: Transaction, shipment_id: UUID) -> Sequence[asyncpg.Record]:
    """The events of a shipment, oldest first."""
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        """SELECT code, status, text, location, occurred_at, source FROM tracking_event
           WHERE shipment_id = $1 ORDER BY occurred_at, id LIMIT 1000""",
        shipment_id,
    )


async def known_marks(tx: Transaction, shipments: Sequence[UUID]) -> set[tuple[str, str, datetime, str]]:
    """AWB, code, time and place of every event of these shipments."""
    rows = await tx.sql.fetch(
        "SELECT awb, code, occurred_at, location FROM tracking_event WHERE shipment_id = ANY($1::uuid[])", shipments
    )
    return {(row["awb"], row["code"], row["occurred_at"], row["location"]) for row in rows}


async def first_sight(tx: Transaction, courier: str, code: str) -> bool:
    """Note a code that is in no map; whether it was not noted before."""
    return bool(
        await tx.sql.fetchval(
            "INSERT INTO unmapped_code (courier, code) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
            courier,
            code,
        )
    )


async def to_poll(tx: Transaction, every: timedelta, limit: int) -> Sequence[asyncpg.Record]:
    """Shipments whose turn it is; each has its next turn `every` later."""
    return await tx.sql.fetch(  # type: ignore[no-any-return]
        """UPDATE shipment SET next_poll_at = now() + $1 WHERE id IN (
               SELECT id FROM shipment WHERE next_poll_at <= now() ORDER BY next_poll_at LIMIT $2
               FOR UPDATE SKIP LOCKED)
           RETURNING id, order_id, account, awb""",
        every,
        limit,
    )


async def all_due(tx: Transaction) -> int:
    """Let it be the turn of every shipment that is asked about at all; how many."""
    done = await tx.sql.execute("UPDATE shipment SET next_poll_at = now() WHERE next_poll_at IS NOT NULL")
    return int(done.split()[-1])


async def by_awb(tx: Transaction, account: str, awbs: Sequence[str]) -> dict[str, tuple[UUID, UUID]]:
    """Shipment and order of each AWB of an account; the newest where a courier used a number again."""
    rows = await tx.sql.fetch(
        "SELECT awb, id, order_id FROM shipment WHERE account = $1 AND awb = ANY($2::text[]) ORDER BY id", account, awbs
    )
    return {row["awb"]: (row["id"], row["order_id"]) for row in rows}


async def keep_callback(tx: Transaction, account: str, raw: bytes) -> UUID | None:
    """Store a callback as it came; None when these very bytes are there already."""
    found: UUID | None = await tx.sql.fetchval(
        """INSERT INTO callback (id, account, raw, sha256) VALUES ($1, $2, $3, sha256($3))
           ON CONFLICT DO NOTHING RETURNING id""",
        new_id(),
        account,
        raw,
    )
    return found


async def next_callback(tx: Transaction) -> asyncpg.Record | None:
    """A callback that is due, locked."""
    return await tx.sql.fetchrow(
        f"""SELECT {columns(CallbackRow)} FROM callback
           WHERE state = 'due' AND due_at <= now() ORDER BY due_at LIMIT 1
           FOR UPDATE SKIP LOCKED"""  # noqa: S608 - columns
    )


async def settle_callback(
    tx: Transaction,
    callback_id: UUID,
    state: str,
    reason: str | None = None,
    *,
    later: timedelta = timedelta(),
    about: Sequence[UUID] = (),
) -> None:
    """What became of a callback `about` these orders; its bytes go where one of their customers was erased."""
    await tx.sql.execute(
        r"""UPDATE callback SET state = $2, reason = $3, due_at = now() + $4, attempts = attempts + 1,
                raw = CASE WHEN $2 <> 'due' AND EXISTS (SELECT FROM erased_order WHERE order_id = ANY($5::uuid[]))
                      THEN '\x' ELSE raw END
            WHERE id = $1""",
        callback_id,
        state,
        reason,
        later,
        list(about),
    )


async def on_page(tx: Transaction, token: str) -> asyncpg.Record | None:
    """What the public page of a shipment shows."""
    return await tx.sql.fetchrow(
        """SELECT s.id, s.awb, s.status, k.snapshot->>'language' AS language FROM shipment s
           JOIN known_order k ON k.order_id = s.order_id WHERE s.token = $1""",
        token,
    )
