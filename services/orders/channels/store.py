"""Every statement about sellers, channels and keys."""

from collections.abc import Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.exc import IntegrityError

from libs.events.transaction import Transaction
from services.orders.base import Table
from services.orders.channels.tables import ApiKeyRow, ChannelRow, SellerRow

T = TypeVar("T", bound=Table)


class TakenError(Exception):
    """Another row has this code or series."""


async def add(tx: Transaction, row: Table) -> None:
    """Insert a row; TakenError when something of it must be unique and is not."""
    tx.session.add(row)
    try:
        await tx.flush()
    except IntegrityError as error:
        raise TakenError from error


async def seller(tx: Transaction, code: str) -> SellerRow | None:
    """The seller of that code, locked."""
    found = await tx.session.scalars(select(SellerRow).where(_is(SellerRow.code, code)).with_for_update())
    return found.one_or_none()


async def channel(tx: Transaction, code: str) -> ChannelRow | None:
    """The channel of that code, locked."""
    found = await tx.session.scalars(select(ChannelRow).where(_is(ChannelRow.code, code)).with_for_update())
    return found.one_or_none()


async def channels_of(tx: Transaction, seller_code: str) -> Sequence[ChannelRow]:
    """A seller's channels, locked."""
    rows = select(ChannelRow).where(_is(ChannelRow.seller, seller_code)).order_by(text("id")).with_for_update()
    return (await tx.session.scalars(rows)).all()


async def key(tx: Transaction, key_id: UUID) -> ApiKeyRow | None:
    """The key of that id, locked."""
    return await tx.session.get(ApiKeyRow, key_id, with_for_update=True)


async def page(tx: Transaction, table: type[T], column: str, after: object, limit: int) -> Sequence[T]:
    """Rows by `column`, from behind `after`."""
    query = select(table).order_by(text(column)).limit(limit)
    if after is not None:
        query = query.where(text(f"{column} > :after").bindparams(after=after))
    return (await tx.session.scalars(query)).all()


async def open_series(tx: Transaction, series: str) -> None:
    """Make the sequence that numbers the orders of a series; its name is made of checked letters and digits."""
    await tx.sql.execute(f'CREATE SEQUENCE IF NOT EXISTS "{sequence_of(series)}"')


def sequence_of(series: str) -> str:
    """The name of a series' sequence."""
    return f"order_number_{series.lower()}"


def _is(column: Any, value: object) -> "ColumnElement[bool]":
    return cast("ColumnElement[bool]", column == value)
