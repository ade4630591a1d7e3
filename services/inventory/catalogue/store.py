"""Statements about items, depots, and the channels that orders tells of."""

from collections.abc import Collection, Sequence
from typing import Any

from libs.contracts.common import Money
from libs.contracts.orders import ChannelChanged
from libs.events.transaction import Transaction, new_id
from services.inventory.catalogue.domain import Depots, Item
from services.inventory.tables import Depot

_ITEM = "id, sku, name, ean, unit, weight_g, cost_minor, cost_currency, archived, version"
_DEPOT = "code, id, name, priority, buffer, active, version"


def _item(row: Any) -> Item:
    cost = Money(row["cost_minor"], row["cost_currency"]) if row["cost_currency"] else None
    told = {name: row[name] for name in ("id", "sku", "name", "ean", "unit", "weight_g", "archived", "version")}
    return Item(unit_cost=cost, **told)


async def locked_items(tx: Transaction, skus: Collection[str]) -> dict[str, Item]:
    """The items that exist of these, locked in the order of their SKUs."""
    rows = await tx.sql.fetch(
        f"SELECT {_ITEM} FROM item WHERE sku = ANY($1) ORDER BY sku FOR UPDATE",  # noqa: S608 - a constant
        list(skus),
    )
    return {row["sku"]: _item(row) for row in rows}


async def write_items(tx: Transaction, items: Sequence[Item]) -> set[str]:
    """Write new and changed items; the SKUs written. A SKU that somebody else has just made is left out."""
    rows = await tx.sql.fetch(
        """INSERT INTO item AS i (id, sku, name, ean, unit, weight_g, cost_minor, cost_currency, archived, version)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[],
                                $8::text[], $9::boolean[], $10::bigint[])
           ON CONFLICT (sku) DO UPDATE SET name = excluded.name, ean = excluded.ean, unit = excluded.unit,
               weight_g = excluded.weight_g, cost_minor = excluded.cost_minor, cost_currency = excluded.cost_currency,
               archived = excluded.archived, version = excluded.version
           WHERE i.version = excluded.version - 1 RETURNING sku""",
        [item.id for item in items],
        [item.sku for item in items],
        [item.name for item in items],
        [item.ean for item in items],
        [item.unit for item in items],
        [item.weight_g for item in items],
        [item.unit_cost.minor if item.unit_cost else None for item in items],
        [item.unit_cost.currency if item.unit_cost else None for item in items],
        [item.archived for item in items],
        [item.version for item in items],
    )
    return {row["sku"] for row in rows}


async def known_skus(tx: Transaction, skus: Collection[str]) -> set[str]:
    """Which of these are SKUs of items."""
    return {row["sku"] for row in await tx.sql.fetch("SELECT sku FROM item WHERE sku = ANY($1)", list(skus))}


async def page_of_items(tx: Transaction, after: str | None, limit: int) -> list[Item]:
    """Items by SKU, one more than `limit`."""
    rows = await tx.sql.fetch(
        f"SELECT {_ITEM} FROM item WHERE sku > $1 ORDER BY sku LIMIT $2",  # noqa: S608 - a constant
        after or "",
        limit + 1,
    )
    return [_item(row) for row in rows]


async def item(tx: Transaction, sku: str) -> Item | None:
    """One item."""
    row = await tx.sql.fetchrow(f"SELECT {_ITEM} FROM item WHERE sku = $1", sku)  # noqa: S608 - a constant
    return _item(row) if row else None


async def all_depots(tx: Transaction) -> list[Depot]:
    """Every depot, by priority."""
    rows = await tx.sql.fetch(f"SELECT {_DEPOT} FROM depot ORDER BY priority, code")  # noqa: S608 - a constant
    return [Depot(**row) for row in rows]


async def locked_depot(tx: Transaction, code: str) -> Depot | None:
    """One depot, locked."""
    row = await tx.sql.fetchrow(f"SELECT {_DEPOT} FROM depot WHERE code = $1 FOR UPDATE", code)  # noqa: S608 - a constant
    return Depot(**row) if row else None


async def write_depot(tx: Transaction, depot: Depot) -> Depot | None:
    """Write a new or changed depot over the version before it; None when somebody else was quicker."""
    row = await tx.sql.fetchrow(
        f"""INSERT INTO depot AS d (code, id, name, priority, buffer, active, version)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (code) DO UPDATE SET name = excluded.name, priority = excluded.priority,
                buffer = excluded.buffer, active = excluded.active, version = excluded.version
            WHERE d.version = excluded.version - 1 RETURNING {_DEPOT}""",  # noqa: S608 - a constant
        depot.code,
        depot.id,
        depot.name,
        depot.priority,
        depot.buffer,
        depot.active,
        depot.version,
    )
    return Depot(**row) if row else None


async def depots(tx: Transaction) -> Depots:
    """Which depots are in use, and which of them each channel asks."""
    rows = await tx.sql.fetch(
        """SELECT code, depots FROM known_channel
           UNION ALL SELECT NULL, array_agg(code ORDER BY priority, code) FROM depot WHERE active"""
    )
    active = next(tuple(row["depots"] or ()) for row in rows if row["code"] is None)
    return Depots(active, {row["code"]: tuple(row["depots"]) for row in rows if row["code"] is not None})


async def learned_channel(tx: Transaction, channel: ChannelChanged) -> bool:
    """Keep the newest of a channel; False when something newer is known."""
    return bool(
        await tx.sql.fetchval(
            """INSERT INTO known_channel AS k (code, id, version, depots) VALUES ($1, $2, $3, $4)
               ON CONFLICT (code) DO UPDATE SET id = excluded.id, version = excluded.version, depots = excluded.depots
               WHERE k.version < excluded.version RETURNING true""",
            channel.code,
            channel.id,
            channel.version,
            list(channel.depots),
        )
    )


async def every_sku_is_due(tx: Transaction) -> None:
    """Depots or channels changed: the availability of everything may be another one."""
    await tx.sql.execute("INSERT INTO availability_due (sku) SELECT DISTINCT sku FROM stock_level")


def new_depot(code: str) -> Depot:
    """A depot that is not written yet."""
    return Depot(code=code, id=new_id(), name=code, priority=100, buffer=0, active=True, version=0)


def new_item(sku: str, name: str) -> Item:
    """An item that is not written yet."""
    return Item(new_id(), sku, name)
