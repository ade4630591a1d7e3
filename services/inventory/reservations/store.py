"""Statements about reservations, the queue of waiting orders, and what is known of orders."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.inventory import ReservationState
from libs.contracts.orders import OnShortage, OrderSnapshot
from libs.events.transaction import Transaction
from services.inventory.reservations.domain import Reservation
from services.inventory.reservations.lines import Line, Share
from services.inventory.reservations.pool import Queued, Waiting

_RESERVATIONS = """
SELECT r.id, r.order_id, r.round, r.order_version, r.state, r.version, l.line_id, l.place, l.sku, l.wanted, l.short,
       a.depot, a.reserved, a.deducted, a.returned
FROM reservation r LEFT JOIN reservation_line l ON l.reservation_id = r.id
LEFT JOIN allocation a ON a.reservation_id = r.id AND a.line_id = l.line_id
"""


async def learned(tx: Transaction, order: OrderSnapshot, asked: bytes) -> bool:
    """Keep the newest of an order and lock its row; False when something newer is known, or as new that asked the same.

    What was `asked` counts only with the version that it came with: whoever does not know the column moves the
    version alone.
    """
    return bool(
        await tx.sql.fetchval(
            """INSERT INTO known_order AS k (id, version, number, channel, placed_at, may_wait,
                                             asked, asked_at, asked_since)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $2, $2)
               ON CONFLICT (id) DO UPDATE SET version = excluded.version, number = excluded.number,
                   channel = excluded.channel, placed_at = excluded.placed_at, may_wait = excluded.may_wait,
                   asked = excluded.asked, asked_at = excluded.asked_at,
                   asked_since = CASE WHEN k.asked = excluded.asked AND k.asked_at = k.version THEN k.asked_since
                                      ELSE excluded.version END
               WHERE k.version <= excluded.version RETURNING asked_since = version""",
            order.id,
            order.version,
            order.number,
            order.channel,
            order.placed_at,
            order.on_shortage == OnShortage.WAIT,
            asked,
        )
    )


async def locked_order(tx: Transaction, order_id: UUID) -> tuple[str, datetime] | None:
    """Lock what is known of an order: its channel, and when it was placed."""
    row = await tx.sql.fetchrow("SELECT channel, placed_at FROM known_order WHERE id = $1 FOR UPDATE", order_id)
    return (row["channel"], row["placed_at"]) if row else None


async def of_order(tx: Transaction, order_id: UUID) -> Reservation | None:
    """The order's reservation, with all that it holds."""
    rows = await tx.sql.fetch(f"{_RESERVATIONS} WHERE r.order_id = $1 ORDER BY l.place, a.depot", order_id)
    return _reservation(rows) if rows else None


def _reservation(rows: Sequence[Any]) -> Reservation:
    first = rows[0]
    told = {name: first[name] for name in ("id", "order_id", "round", "order_version", "version")}
    reservation = Reservation(state=ReservationState(first["state"]), **told)
    for row in rows:
        if (line_id := row["line_id"]) is None:
            continue
        if line_id not in reservation.lines:
            reservation.lines[line_id] = Line(line_id, row["place"], row["sku"], row["wanted"], row["short"])
        if row["depot"] is not None:
            share = Share(row["reserved"], row["deducted"], row["returned"])
            reservation.lines[line_id].shares[row["depot"]] = share
    return reservation


async def write(tx: Transaction, reservation: Reservation) -> None:
    """Write it whole, in one statement whatever the number of lines; its version goes up."""
    assert reservation.state is not None  # noqa: S101 - whoever writes has looked
    reservation.version += 1
    lines = list(reservation.lines.values())
    shares = [(line, depot, share) for line in lines for depot, share in line.shares.items()]
    await tx.sql.execute(
        """WITH head AS (
               INSERT INTO reservation AS r (id, order_id, round, order_version, state, version)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (id) DO UPDATE SET round = excluded.round, order_version = excluded.order_version,
                   state = excluded.state, version = excluded.version
           ), lines AS (
               INSERT INTO reservation_line AS l (reservation_id, line_id, place, sku, wanted, short)
               SELECT $1, g.* FROM unnest($7::uuid[], $8::int[], $9::text[], $10::bigint[], $11::bigint[]) AS g
               ON CONFLICT (reservation_id, line_id) DO UPDATE SET wanted = excluded.wanted, short = excluded.short
               WHERE (l.wanted, l.short) IS DISTINCT FROM (excluded.wanted, excluded.short)
           )
           INSERT INTO allocation AS a (reservation_id, line_id, sku, depot, reserved, deducted, returned)
           SELECT $1, g.* FROM unnest($12::uuid[], $13::text[], $14::text[], $15::bigint[], $16::bigint[],
                                      $17::bigint[]) AS g
           ON CONFLICT (reservation_id, line_id, depot) DO UPDATE SET reserved = excluded.reserved,
               deducted = excluded.deducted, returned = excluded.returned
           WHERE (a.reserved, a.deducted, a.returned)
               IS DISTINCT FROM (excluded.reserved, excluded.deducted, excluded.returned)""",
        reservation.id,
        reservation.order_id,
        reservation.round,
        reservation.order_version,
        reservation.state.value,
        reservation.version,
        [line.id for line in lines],
        [line.place for line in lines],
        [line.sku for line in lines],
        [line.wanted for line in lines],
        [line.short for line in lines],
        [line.id for line, _, _ in shares],
        [line.sku for line, _, _ in shares],
        [depot for _, depot, _ in shares],
        [share.reserved for _, _, share in shares],
        [share.deducted for _, _, share in shares],
        [share.returned for _, _, share in shares],
    )


async def leave_queue(tx: Transaction, order_id: UUID) -> None:
    """The order waits for nothing any more."""
    await tx.sql.execute("DELETE FROM backlog WHERE order_id = $1", order_id)


async def join_queue(tx: Transaction, order_id: UUID, wanted: dict[str, int]) -> None:
    """The order waits for all of these, in its place by when it was placed."""
    await tx.sql.execute(
        """INSERT INTO backlog (sku, placed_at, order_id, channel, wanted)
           SELECT g.sku, k.placed_at, k.id, k.channel, g.wanted
           FROM known_order k, unnest($2::text[], $3::bigint[]) AS g(sku, wanted) WHERE k.id = $1""",
        order_id,
        list(wanted),
        list(wanted.values()),
    )


async def queue_before(
    tx: Transaction, skus: Collection[str], placed_at: datetime | None = None, order_id: UUID | None = None
) -> list[Waiting]:
    """What orders placed before that one wait for, of these SKUs; without one, what all wait for."""
    rows = await tx.sql.fetch(
        """SELECT channel, sku, sum(wanted)::bigint AS wanted FROM backlog
           WHERE sku = ANY($1) AND ($2::timestamptz IS NULL OR (placed_at, order_id) < ($2, $3))
           GROUP BY channel, sku ORDER BY min(placed_at)""",
        list(skus),
        placed_at,
        order_id,
    )
    return [Waiting(row["channel"], row["sku"], row["wanted"]) for row in rows]


async def goods_are_waited_for(tx: Transaction) -> bool:
    """Whether there is any of what somebody waits for; cheap, and asked all the time."""
    return bool(
        await tx.sql.fetchval(
            """SELECT EXISTS (SELECT FROM backlog b JOIN stock_level s ON s.sku = b.sku
                              WHERE s.on_hand - s.reserved - s.buffer > 0)"""
        )
    )


async def queue(tx: Transaction) -> list[Queued]:
    """Every waiting order, oldest first, with all that it wants."""
    rows = await tx.sql.fetch(
        """SELECT order_id, channel, array_agg(sku) AS skus, array_agg(wanted) AS wanted
           FROM backlog GROUP BY placed_at, order_id, channel ORDER BY placed_at, order_id"""
    )
    return [Queued(row["order_id"], row["channel"], dict(zip(row["skus"], row["wanted"], strict=True))) for row in rows]


async def page(tx: Transaction, state: str | None, after: UUID | None, limit: int) -> list[UUID]:
    """Orders with a reservation, by its id, one more than `limit`."""
    rows = await tx.sql.fetch(
        """SELECT id FROM reservation WHERE ($1::text IS NULL OR state = $1) AND ($2::uuid IS NULL OR id > $2)
           ORDER BY id LIMIT $3""",
        state,
        after,
        limit + 1,
    )
    return [row["id"] for row in rows]


async def of_ids(tx: Transaction, ids: Collection[UUID]) -> list[Reservation]:
    """These reservations, by id."""
    rows = await tx.sql.fetch(f"{_RESERVATIONS} WHERE r.id = ANY($1) ORDER BY r.id, l.place, a.depot", list(ids))
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return [_reservation(each) for each in found.values()]
