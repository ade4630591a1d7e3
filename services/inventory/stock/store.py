"""Statements about levels, their ledger, and orders that are not covered."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction, new_id
from services.inventory.stock.domain import Holder, Level, Place

_LEVEL = "s.id, s.sku, s.depot, s.on_hand, s.reserved, s.buffer, s.quarantine, s.uncovered, s.version"


class LevelsMovedError(Exception):
    """Levels changed although they were locked, or a cause moved a level before: a bug, and nothing is written."""


def _columns(places: Collection[Place]) -> tuple[list[str], list[str]]:
    ordered = sorted(set(places))
    return [place.sku for place in ordered], [place.depot for place in ordered]


def _levels(rows: Iterable[Any]) -> dict[Place, Level]:
    return {Place(row["sku"], row["depot"]): Level(*row.values()) for row in rows}


async def locked(tx: Transaction, places: Collection[Place]) -> dict[Place, Level]:
    """The levels that exist of these places, locked in one order by everybody, so that nobody waits in a circle.

    A transaction that has acted before holds levels already and may not wait for more: LockNotAvailableError, and
    whoever took several facts at once takes them again one by one.
    """
    rows = await tx.sql.fetch(
        f"""SELECT {_LEVEL} FROM stock_level s
            JOIN unnest($1::text[], $2::text[]) AS g(sku, depot) ON s.sku = g.sku AND s.depot = g.depot
            ORDER BY s.sku, s.depot FOR UPDATE OF s {"NOWAIT" if tx.emitted else ""}""",  # noqa: S608 - two constants
        *_columns(places),
    )
    return _levels(rows)


async def opened(tx: Transaction, places: Collection[Place], also: Collection[Place] = ()) -> dict[Place, Level]:
    """Those levels, and `also` those that exist there, locked; levels that are new in a known depot are made.

    Places of unknown depots are left out.
    """
    every = {*places, *also}
    found = await locked(tx, every)
    if missing := set(places) - set(found):
        await tx.sql.execute(
            """INSERT INTO stock_level (id, sku, depot, buffer)
               SELECT g.id, g.sku, d.code, d.buffer FROM unnest($1::uuid[], $2::text[], $3::text[]) AS g(id, sku, depot)
               JOIN depot d ON d.code = g.depot ORDER BY g.sku, d.code ON CONFLICT (sku, depot) DO NOTHING""",
            [new_id() for _ in missing],
            *_columns(missing),
        )
        found = await locked(tx, every)
    return found


async def read(tx: Transaction, skus: Collection[str]) -> list[Level]:
    """All levels of these SKUs, as they are now, not locked."""
    rows = await tx.sql.fetch(f"SELECT {_LEVEL} FROM stock_level s WHERE sku = ANY($1)", list(skus))  # noqa: S608
    return list(_levels(rows).values())


async def write(tx: Transaction, levels: Sequence[Level]) -> None:
    """Write changed levels and their movements, and note that their availability may be another one.

    Every level must still be at the version that was read: LevelsMovedError, and nothing is done.
    """
    done = await tx.sql.fetchval(
        """WITH moved AS (
               UPDATE stock_level s SET on_hand = g.on_hand, reserved = g.reserved, buffer = g.buffer,
                   quarantine = g.quarantine, version = s.version + 1
               FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
                   AS g(id, version, on_hand, reserved, buffer, quarantine)
               WHERE s.id = g.id AND s.version = g.version RETURNING s.sku
           ), due AS (INSERT INTO availability_due (sku) SELECT DISTINCT sku FROM moved)
           SELECT count(*) FROM moved""",
        [level.id for level in levels],
        [level.version for level in levels],
        [level.on_hand for level in levels],
        [level.reserved for level in levels],
        [level.buffer for level in levels],
        [level.quarantine for level in levels],
    )
    if done != len(levels):
        raise LevelsMovedError(f"{done} of {len(levels)} levels were as they had been read")
    for level in levels:
        level.version += 1
    await _enter(tx, levels)


async def _enter(tx: Transaction, levels: Sequence[Level]) -> None:
    """Enter the movements into the ledger."""
    rows = [(level, movement) for level in levels for movement in level.movements]
    if not rows:
        return
    done = await tx.sql.execute(
        """INSERT INTO movement (id, level_id, depot, sku, kind, bucket, quantity, source, reason, actor)
           SELECT g.*, $10 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                                       $7::bigint[], $8::text[], $9::text[]) AS g
           ON CONFLICT (level_id, source) DO NOTHING""",
        [new_id() for _ in rows],
        [level.id for level, _ in rows],
        [level.depot for level, _ in rows],
        [level.sku for level, _ in rows],
        [movement.kind.value for _, movement in rows],
        [movement.bucket.value for _, movement in rows],
        [movement.quantity for _, movement in rows],
        [movement.source for _, movement in rows],
        [movement.reason for _, movement in rows],
        tx.cause.actor,
    )
    if done != f"INSERT 0 {len(rows)}":
        raise LevelsMovedError(f"{done} of {len(rows)} movements; one was entered before")


async def moved_before(tx: Transaction, levels: Collection[Level], source: str) -> set[Place]:
    """Which of these levels this cause has moved already."""
    rows = await tx.sql.fetch(
        "SELECT sku, depot FROM movement WHERE level_id = ANY($1) AND source = $2", [each.id for each in levels], source
    )
    return {Place(row["sku"], row["depot"]) for row in rows}


async def holders(tx: Transaction, places: Collection[Place]) -> dict[Place, list[Holder]]:
    """The orders that hold goods of these levels."""
    rows = await tx.sql.fetch(
        """SELECT a.sku, a.depot, k.id, k.number, k.placed_at, sum(a.reserved)::bigint AS held
           FROM unnest($1::text[], $2::text[]) AS g(sku, depot)
           JOIN allocation a ON a.sku = g.sku AND a.depot = g.depot AND a.reserved > 0
           JOIN reservation r ON r.id = a.reservation_id JOIN known_order k ON k.id = r.order_id
           GROUP BY a.sku, a.depot, k.id""",
        *_columns(places),
    )
    found: dict[Place, list[Holder]] = {place: [] for place in places}
    for row in rows:
        holder = Holder(row["id"], row["number"], row["placed_at"], row["held"])
        found[Place(row["sku"], row["depot"])].append(holder)
    return found


async def uncovered(tx: Transaction, places: Collection[Place]) -> dict[tuple[UUID, Place], int]:
    """What is said to be not covered of these levels: quantity by order and place."""
    rows = await tx.sql.fetch(
        """SELECT u.order_id, u.sku, u.depot, u.quantity FROM unnest($1::text[], $2::text[]) AS g(sku, depot)
           JOIN uncovered u ON u.sku = g.sku AND u.depot = g.depot AND u.cleared_at IS NULL""",
        *_columns(places),
    )
    return {(row["order_id"], Place(row["sku"], row["depot"])): row["quantity"] for row in rows}


async def mark_uncovered(
    tx: Transaction, marks: Sequence[tuple[UUID, Place, int]]
) -> list[tuple[UUID, UUID, Place, int, datetime]]:
    """Write what of which order is not covered at which place, 0 when all is: id, order, place, version, since."""
    rows = await tx.sql.fetch(
        """INSERT INTO uncovered AS u (id, order_id, sku, depot, quantity, cleared_at)
           SELECT g.id, g.order_id, g.sku, g.depot, g.quantity, CASE WHEN g.quantity = 0 THEN now() END
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[])
               AS g(id, order_id, sku, depot, quantity)
           ON CONFLICT (order_id, sku, depot) DO UPDATE SET quantity = excluded.quantity, version = u.version + 1,
               since = CASE WHEN u.cleared_at IS NULL THEN u.since ELSE now() END, cleared_at = excluded.cleared_at
           RETURNING id, order_id, sku, depot, version, since""",
        [new_id() for _ in marks],
        [order for order, _, _ in marks],
        [place.sku for _, place, _ in marks],
        [place.depot for _, place, _ in marks],
        [quantity for _, _, quantity in marks],
    )
    return [(r["id"], r["order_id"], Place(r["sku"], r["depot"]), r["version"], r["since"]) for r in rows]


async def note_shortage(tx: Transaction, levels: Sequence[Level]) -> None:
    """Remember how much of each level was last said to be not covered."""
    await tx.sql.execute(
        """UPDATE stock_level s SET uncovered = g.uncovered FROM unnest($1::uuid[], $2::bigint[]) AS g(id, uncovered)
           WHERE s.id = g.id""",
        [level.id for level in levels],
        [level.shortage for level in levels],
    )


async def page_of_levels(
    tx: Transaction, sku: str | None, depot: str | None, after: tuple[str, str] | None, limit: int
) -> list[Level]:
    """Levels by SKU and depot, those after a place, one more than `limit`."""
    rows = await tx.sql.fetch(
        f"""SELECT {_LEVEL} FROM stock_level s WHERE ($1::text IS NULL OR sku = $1) AND ($2::text IS NULL OR depot = $2)
            AND (sku, depot) > ($3, $4) ORDER BY sku, depot LIMIT $5""",  # noqa: S608 - a constant
        sku,
        depot,
        *(after or ("", "")),
        limit + 1,
    )
    return list(_levels(rows).values())


async def page_of_movements(
    tx: Transaction, sku: str | None, depot: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The ledger, newest first, entries older than `before`, one more than `limit`."""
    rows = await tx.sql.fetch(
        """SELECT id, sku, depot, kind, bucket, quantity, source, reason, actor, at FROM movement
           WHERE ($1::text IS NULL OR sku = $1) AND ($2::text IS NULL OR depot = $2) AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4""",
        sku,
        depot,
        before,
        limit + 1,
    )
    return [dict(row) for row in rows]
