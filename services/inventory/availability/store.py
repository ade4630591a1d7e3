"""Statements about what was published, and what is due to be."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from libs.events.transaction import Transaction, new_id
from services.inventory.availability.domain import Published
from services.inventory.stock.domain import Holder

_PUBLISHER = 0x617661696C  # "avail"


async def is_only_publisher(tx: Transaction) -> bool:
    """Whether nobody else publishes while this transaction lasts: an older figure must not follow a newer one."""
    return bool(await tx.sql.fetchval("SELECT pg_try_advisory_xact_lock($1)", _PUBLISHER))


async def take_due(tx: Transaction, limit: int) -> set[str]:
    """SKUs whose availability may have changed, taken off the list."""
    rows = await tx.sql.fetch(
        """DELETE FROM availability_due WHERE seq IN (SELECT seq FROM availability_due ORDER BY seq LIMIT $1)
           RETURNING sku""",
        limit,
    )
    return {row["sku"] for row in rows}


async def take_old(tx: Transaction, age: timedelta, limit: int) -> set[str]:
    """SKUs of which some channel's figure was published longer ago than `age`."""
    rows = await tx.sql.fetch(
        "SELECT DISTINCT sku FROM (SELECT sku FROM availability WHERE published_at < now() - $1::interval"
        " ORDER BY published_at LIMIT $2) old",
        age,
        limit,
    )
    return {row["sku"] for row in rows}


async def published(tx: Transaction, skus: Collection[str]) -> dict[tuple[str, str], Published]:
    """What was last published of these SKUs, by channel and SKU."""
    rows = await tx.sql.fetch(
        "SELECT id, channel, sku, available, version FROM availability WHERE sku = ANY($1)", list(skus)
    )
    return {(row["channel"], row["sku"]): Published(*row.values()) for row in rows}


async def publish(tx: Transaction, rows: Sequence[tuple[str, str, int]]) -> list[Published]:
    """Write figures (channel, SKU, available) as published now; the rows, each with a new version."""
    done = await tx.sql.fetch(
        """INSERT INTO availability AS a (id, channel, sku, available)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[])
           ON CONFLICT (sku, channel) DO UPDATE SET available = excluded.available, published_at = now(),
               version = a.version + 1
           RETURNING id, channel, sku, available, version""",
        [new_id() for _ in rows],
        [channel for channel, _, _ in rows],
        [sku for _, sku, _ in rows],
        [available for _, _, available in rows],
    )
    return [Published(*row.values()) for row in done]


async def newest_holders(tx: Transaction, sku: str, limit: int) -> dict[str, list[Holder]]:
    """The orders that hold goods of a SKU, the newest `limit` of them, by depot."""
    rows = await tx.sql.fetch(
        """SELECT a.depot, k.id, k.number, k.placed_at, sum(a.reserved)::bigint AS held FROM allocation a
           JOIN reservation r ON r.id = a.reservation_id JOIN known_order k ON k.id = r.order_id
           WHERE a.sku = $1 AND a.reserved > 0 GROUP BY a.depot, k.id ORDER BY k.placed_at DESC, k.id DESC LIMIT $2""",
        sku,
        limit,
    )
    found: dict[str, list[Holder]] = {}
    for row in rows:
        found.setdefault(row["depot"], []).append(Holder(row["id"], row["number"], row["placed_at"], row["held"]))
    return found
