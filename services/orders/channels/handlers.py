"""Commands about sellers, channels and keys; whoever keeps a copy is told."""

from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction, new_id
from libs.service import keys
from libs.service.call import check_version
from libs.service.problems import Conflict, Invalid, NotFound
from services.orders.channels import store
from services.orders.channels.domain import channel_fact, key_fact
from services.orders.channels.tables import ApiKeyRow, ChannelRow, SellerRow


class CodeTaken(Conflict):
    """This code or series is in use."""

    slug = "code-taken"


async def add_seller(tx: Transaction, values: dict[str, Any]) -> SellerRow:
    """A new legal entity, with a series of its own for its orders' numbers."""
    row = SellerRow(id=new_id(), version=1, **values)
    try:
        await store.add(tx, row)
    except store.TakenError:
        raise CodeTaken(field="code") from None
    await store.open_series(tx, row.series)
    return row


async def change_seller(tx: Transaction, code: str, values: dict[str, Any], if_match: int | None) -> SellerRow:
    """Another name or VAT id; code and series stay."""
    row = await store.seller(tx, code)
    if row is None:
        raise NotFound("there is no such seller")
    check_version(row.version, if_match)
    if _apply(row, values):
        for channel in await store.channels_of(tx, code):
            channel.version += 1
            await tx.emit(channel, channel_fact(channel, row))
    return row


async def add_channel(tx: Transaction, values: dict[str, Any]) -> ChannelRow:
    """A new channel of a seller that exists."""
    seller = await _seller(tx, values["seller"])
    row = ChannelRow(id=new_id(), version=1, **values)
    try:
        await store.add(tx, row)
    except store.TakenError:
        raise CodeTaken(field="code") from None
    await tx.emit(row, channel_fact(row, seller))
    return row


async def change_channel(tx: Transaction, code: str, values: dict[str, Any], if_match: int | None) -> ChannelRow:
    """Another configuration; its code stays."""
    row = await store.channel(tx, code)
    if row is None:
        raise NotFound("there is no such channel")
    check_version(row.version, if_match)
    seller = await _seller(tx, values["seller"])
    if _apply(row, values):
        await tx.emit(row, channel_fact(row, seller))
    return row


async def add_key(tx: Transaction, values: dict[str, Any]) -> tuple[ApiKeyRow, str]:
    """A new key, and its text, which is never shown again."""
    key_id = new_id()
    made = keys.new_key(key_id)
    row = ApiKeyRow(
        id=key_id,
        version=1,
        prefix=made.prefix,
        secret_hash=made.secret_hash,
        revoked=False,
        created_by=tx.cause.actor,
        **values,
    )
    await store.add(tx, row)
    await _tell_key(tx, row)
    return row, made.text


async def revoke_key(tx: Transaction, key_id: UUID) -> ApiKeyRow:
    """End a key for good; revoking it again changes nothing."""
    row = await store.key(tx, key_id)
    if row is None:
        raise NotFound("there is no such key")
    if _apply(row, {"revoked": True}):
        await _tell_key(tx, row)
    return row


async def _tell_key(tx: Transaction, row: ApiKeyRow) -> None:
    fact = key_fact(row)
    await tx.emit(row, fact)
    await keys.learn(tx, fact)  # orders checks keys too, and need not wait for its own word


async def _seller(tx: Transaction, code: str) -> SellerRow:
    row = await store.seller(tx, code)
    if row is None:
        raise Invalid("there is no such seller", field="seller")
    return row


def _apply(row: SellerRow | ChannelRow | ApiKeyRow, values: dict[str, Any]) -> bool:
    """Set what differs; whether anything did, which gives the row a new version."""
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    row.version += bool(changed)
    return bool(changed)
