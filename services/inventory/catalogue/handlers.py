"""Commands about items and depots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from libs.events.transaction import Transaction
from libs.service.call import check_version
from libs.service.problems import Conflict
from services.inventory.catalogue import store
from services.inventory.tables import Depot


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one item of a call: `created`, `changed`, `noop` or `refused`; and which members changed."""

    sku: str
    result: str
    changed: tuple[str, ...] = ()
    detail: str | None = None


async def upsert_items(tx: Transaction, said: Mapping[str, Mapping[str, Any]]) -> list[Upserted]:
    """Make or change items by SKU; what is not said of one stays. Tells of each that is new or another one now."""
    known = await store.locked_items(tx, said)
    outcomes: dict[str, Upserted] = {}
    items = []
    for sku, members in said.items():
        if sku not in known and not members.get("name"):
            outcomes[sku] = Upserted(sku, "refused", detail="a new item needs a name")
            continue
        item, changed = (known.get(sku) or store.new_item(sku, members["name"])).described(members)
        if item is known.get(sku):
            outcomes[sku] = Upserted(sku, "noop")
            continue
        outcomes[sku] = Upserted(sku, "changed" if sku in known else "created", changed if sku in known else ())
        items.append(item)
    written = await store.write_items(tx, sorted(items, key=lambda item: item.sku)) if items else set()
    for item in items:
        if item.sku not in written:
            outcomes[item.sku] = Upserted(item.sku, "refused", detail="made by another call just now: send it again")
    await tx.emit_all([(item, item.fact()) for item in items if item.sku in written])
    return [outcomes[sku] for sku in said]


async def put_depot(tx: Transaction, code: str, said: Mapping[str, Any], if_match: int | None) -> tuple[Depot, bool]:
    """Make or change a depot; the depot, and whether it is new."""
    known = await store.locked_depot(tx, code)
    if known is not None:
        check_version(known.version, if_match)
    depot = known or store.new_depot(code)
    if known is not None and all(getattr(depot, name) == value for name, value in said.items()):
        return depot, False
    for name, value in said.items():
        setattr(depot, name, value)
    depot.version += 1
    written = await store.write_depot(tx, depot)
    if written is None:
        raise Conflict("made by another call just now: send it again")
    await store.every_sku_is_due(tx)
    return written, known is None
