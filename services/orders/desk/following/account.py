"""What a customer's token reads: their orders, one whole, its history. Somebody else's is not there."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from libs.events.transaction import Transaction
from libs.service.call import Call
from libs.service.paging import Page, encode, page_of
from libs.service.problems import NotFound
from services.orders.desk.customers_view import (
    CustomersOrderOut,
    CustomersSummaryOut,
    PublishedOut,
    customers_order_out,
)
from services.orders.desk.following import reading, store
from services.orders.desk.following.domain import Followed, chosen
from services.orders.desk.out import OrderOut
from services.orders.desk.store import one_view, whole

Language = Annotated[
    str | None,
    Query(
        max_length=35,
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$",
        description="A customer's answer is in this language, else in Accept-Language's, else in the order's own.",
    ),
]


def language_of(call: Call, asked: str | None, otherwise: str) -> str:
    """The language to answer in: as asked for, as the reader's browser says, or another."""
    return chosen(asked, call.request.headers.get("accept-language"), otherwise)


async def own_orders(
    call: Call, customer_id: UUID, place: tuple[datetime, UUID] | None, limit: int, asked: str | None
) -> Page[CustomersSummaryOut]:
    """The orders that a customer sees in their account, the newest first."""
    async with call.read() as tx:
        await one_view(tx)
        rows = await store.own(tx, customer_id, place, limit + 1)
        told = await reading.standing_of(tx, rows, lambda otherwise: language_of(call, asked, otherwise))
    shown = [CustomersSummaryOut.of_row(row, told.get(row["id"], [])) for row in rows]
    return page_of(shown, limit, lambda row: encode(row.placed_at, row.id))


async def own_order(call: Call, customer_id: UUID, order_id: UUID, asked: str | None) -> Response:
    """One order whole, as its customer sees it; NotFound for anybody else's and for what is not shown."""
    async with call.read() as tx:
        await one_view(tx)
        found = await owned(tx, customer_id, order_id)
        order = await _whole(tx, order_id)
        language = language_of(call, asked, found.language)
        told = await reading.standing(tx, found, order, _link(call, found), language)
    shown: CustomersOrderOut = customers_order_out(order, found.shop, told)
    return call.answer(shown, etag=found.version)


async def owned(tx: Transaction, customer_id: UUID | None, order_id: UUID) -> Followed:
    """An order that this customer sees, or, for None, any; NotFound otherwise."""
    found = await store.followed(tx, order_id)
    mine = found is not None and (customer_id is None or (found.customer_id == customer_id and found.in_account))
    if found is None or not mine:
        raise NotFound("there is no such order")
    return found


async def own_history(
    call: Call,
    customer_id: UUID | None,
    order_id: UUID,
    after: UUID | None,
    limit: int,
    asked: str | None,
) -> Page[PublishedOut]:
    """What was published of an order, the newest first; `customer_id` None: for somebody of the desk."""
    async with call.read() as tx:
        await one_view(tx)
        found = await owned(tx, customer_id, order_id)
        language = language_of(call, asked, found.language)
        rows = await reading.own_history(tx, found, after, limit + 1, _link(call, found), language)
    following = encode(rows[limit - 1][0].id) if len(rows) > limit else None
    return Page[PublishedOut](items=[told for _, told in rows[:limit]], next=following)


def _link(call: Call, found: Followed) -> str | None:
    return found.link(call.context.settings.open_to_customers)


async def _whole(tx: Transaction, order_id: UUID) -> OrderOut:
    order = await whole(tx, order_id)
    if order is None:
        raise NotFound("there is no such order")
    return order
