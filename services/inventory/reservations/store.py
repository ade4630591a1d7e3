"""Statements about reservations, the queue of waiting orders, and what is known of orders."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
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


async def learned(tx: Transaction, told: Sequence[tuple[OrderSnapshot, bytes]]) -> dict[UUID, bool]:
    """Keep the newest of these orders and lock their rows, in the order of their ids; whoever asks for something.

    Left out are those of which something newer is known, or as new that asked the same. What was asked (the bytes)
    counts only with the version that it came with: whoever does not know the column moves the version alone. True:
    nothing at all was known of the order, so nothing is held for it.
    """
    rows = await tx.sql.fetch(
        """INSERT INTO known_order AS k (id, version, number, channel, placed_at, may_wait,
                                         asked, asked_at, asked_since)
           SELECT g.*, g.version, g.version
           FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::boolean[], $7::bytea[])
               AS g(id, version, number, channel, placed_at, may_wait, asked) ORDER BY g.id
           ON CONFLICT (id) DO UPDATE SET version = excluded.version, number = excluded.number,
               channel = excluded.channel, placed_at = excluded.placed_at, may_wait = excluded.may_wait,
               asked = excluded.asked, asked_at = excluded.asked_at,
               asked_since = CASE WHEN k.asked = excluded.asked AND k.asked_at = k.version THEN k.asked_since
                                  ELSE excluded.version END
           WHERE k.version <= excluded.version
           RETURNING id, asked_since = version AS asks, xmax = 0 AS is_new""",
        [order.id for order, _ in told],
        [order.version for order, _ in told],
        [order.number for order, _ in told],
        [order.channel for order, _ in told],
        [order.placed_at for order, _ in told],
        [order.on_shortage == OnShortage.WAIT for order, _ in told],
        [asked for _, asked in told],
    )
    return {row["id"]: row["is_new"] for row in rows if row["asks"]}


async def locked_order(tx: Transaction, order_id: UUID) -> tuple[str, datetime] | None:
    """Lock what is known of an order: its channel, and when it was placed."""
    row = await tx.sql.fetchrow("SELECT channel, placed_at FROM known_order WHERE id = $1 FOR UPDATE", order_id)
    return (row["channel"], row["placed_at"]) if row else None


async def of_orders(tx: Transaction, orders: Collection[UUID]) -> dict[UUID, Reservation]:
    """The reservations of these orders, with all that they hold, by order."""
    if not orders:
        return {}
    rows = await tx.sql.fetch(
        f"{_RESERVATIONS} WHERE r.order_id = ANY($1) ORDER BY r.id, l.place, a.depot",
        list(orders),
    )
    return {each.order_id: each for each in _reservations(rows)}


async def of_order(tx: Transaction, order_id: UUID) -> Reservation | None:
    """The order's reservation, with all that it holds."""
    return (await of_orders(tx, [order_id])).get(order_id)


def _reservations(rows: Iterable[Any]) -> list[Reservation]:
    """From rows that are sorted by reservation."""
    return [_reservation(list(each)) for _, each in groupby(rows, lambda row: row["id"])]


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


async def write(tx: Transaction, reservations: Sequence[Reservation]) -> None:
    """Write them whole, in one statement whatever the number of them and of their lines; their versions go up."""
    for each in reservations:
        each.version += 1
    lines = [(each.id, line) for each in reservations for line in each.lines.values()]
    shares = [(whose, line, depot, share) for whose, line in lines for depot, share in line.shares.items()]
    await tx.sql.execute(
        """WITH heads AS (
               INSERT INTO reservation AS r (id, order_id, round, order_version, state, version)
               SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::text[], $6::bigint[])
               ON CONFLICT (id) DO UPDATE SET round = excluded.round, order_version = excluded.order_version,
                   state = excluded.state, version = excluded.version
           ), lines AS (
               INSERT INTO reservation_line AS l (reservation_id, line_id, place, sku, wanted, short)
               SELECT * FROM unnest($7::uuid[], $8::uuid[], $9::int[], $10::text[], $11::bigint[], $12::bigint[])
               ON CONFLICT (reservation_id, line_id) DO UPDATE SET wanted = excluded.wanted, short = excluded.short
               WHERE (l.wanted, l.short) IS DISTINCT FROM (excluded.wanted, excluded.short)
           )
           INSERT INTO allocation AS a (reservation_id, line_id, sku, depot, reserved, deducted, returned)
           SELECT * FROM unnest($13::uuid[], $14::uuid[], $15::text[], $16::text[], $17::bigint[], $18::bigint[],
                                $19::bigint[])
           ON CONFLICT (reservation_id, line_id, depot) DO UPDATE SET reserved = excluded.reserved,
               deducted = excluded.deducted, returned = excluded.returned
           WHERE (a.reserved, a.deducted, a.returned)
               IS DISTINCT FROM (excluded.reserved, excluded.deducted, excluded.returned)""",
        [each.id for each in reservations],
        [each.order_id for each in reservations],
        [each.round for each in reservations],
        [each.order_version for each in reservations],
        [each.known_state.value for each in reservations],
        [each.version for each in reservations],
        [whose for whose, _ in lines],
        [line.id for _, line in lines],
        [line.place for _, line in lines],
        [line.sku for _, line in lines],
        [line.wanted for _, line in lines],
        [line.short for _, line in lines],
        [whose for whose, _, _, _ in shares],
        [line.id for _, line, _, _ in shares],
        [line.sku for _, line, _, _ in shares],
        [depot for _, _, depot, _ in shares],
        [share.reserved for _, _, _, share in shares],
        [share.deducted for _, _, _, share in shares],
        [share.returned for _, _, _, share in shares],
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


async def whole_queue(tx: Transaction, skus: Collection[str]) -> list[Waiting]:
    """What all wait for, of these SKUs."""
    rows = await tx.sql.fetch(
        """SELECT channel, sku, sum(wanted)::bigint AS wanted FROM backlog WHERE sku = ANY($1)
           GROUP BY channel, sku ORDER BY min(placed_at)""",
        list(skus),
    )
    return [Waiting(*row.values()) for row in rows]


async def queues_before(
    tx: Transaction, asking: Sequence[tuple[UUID, datetime, Collection[str]]]
) -> dict[UUID, list[Waiting]]:
    """What others that were placed before wait for, of the SKUs that each of these orders asks for, by order."""
    found: dict[UUID, list[Waiting]] = {order: [] for order, _, _ in asking}
    asked = [(order, placed_at, sku) for order, placed_at, skus in asking for sku in skus]
    rows = await tx.sql.fetch(
        """SELECT g.order_id, b.channel, b.sku, sum(b.wanted)::bigint AS wanted
           FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS g(order_id, placed_at, sku)
           JOIN backlog b ON b.sku = g.sku AND (b.placed_at, b.order_id) < (g.placed_at, g.order_id)
           GROUP BY g.order_id, b.channel, b.sku ORDER BY min(b.placed_at)""",
        [order for order, _, _ in asked],
        [placed_at for _, placed_at, _ in asked],
        [sku for _, _, sku in asked],
    )
    for order, *waiting in (row.values() for row in rows):
        found[order].append(Waiting(*waiting))
    return found


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
    return _reservations(rows)
