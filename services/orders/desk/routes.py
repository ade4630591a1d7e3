"""Orders read over HTTP: one whole, its timeline, and the feed of new orders."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from libs.service.call import Call, needs
from libs.service.paging import After, Limit, Page, page_of
from libs.service.problems import Forbidden, Invalid, NotFound, documented
from services.orders.desk import store
from services.orders.desk.customers_view import CustomersOrderOut
from services.orders.desk.following import account
from services.orders.desk.following.account import Language
from services.orders.desk.out import OrderOut
from services.orders.lifecycle.out import EventOut
from services.orders.lifecycle.timeline import shown

router = APIRouter(prefix="/v1", tags=["orders"])
READ = "orders:read"
Reads = Annotated[Call, needs(READ)]
Viewer = Annotated[Call, needs(READ, own="orders:own")]
MAX_POSITION = 2**63 - 1
FeedLimit = Annotated[int, Query(ge=1, le=100, description="How many orders at most.")]


class Feed(BaseModel):
    """New orders, each exactly once over all cursors; `next` is the cursor to go on from, also when nothing is new."""

    items: list[OrderOut]
    next: str


def _only_own(call: Call) -> UUID | None:
    """The customer whose orders alone may be seen; None for somebody who may see all."""
    return call.principal.customer_id if call.principal.kind == "customer" else None


@router.get(
    "/orders/{order_id}", response_model=OrderOut | CustomersOrderOut, responses=documented(NotFound, Forbidden)
)
async def order(order_id: UUID, call: Viewer, language: Language = None) -> Response:
    """One order whole; a customer sees their own, without what is internal."""
    if (customer := _only_own(call)) is not None:
        return await account.own_order(call, customer, order_id, language)
    async with call.read() as tx:
        await store.one_view(tx)
        found = await store.whole(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    return call.answer(found, etag=found.version)


@router.get("/orders/{order_id}/timeline", response_model=Page[EventOut], responses=documented(NotFound, Invalid))
async def timeline(order_id: UUID, call: Reads, after: After = None, limit: Limit = 100) -> Any:
    """Every fact about an order, of every service, numbered without a gap from 1. `after`: a number."""
    async with call.look() as tx:
        rows = await store.timeline(tx, order_id, _position(after, "after"), limit + 1)
    if rows is None:
        raise NotFound("there is no such order")
    personal = "customers:read" in call.principal.scopes
    events = [EventOut.model_validate(row | {"detail": shown(row, personal=personal)}) for row in rows]
    return page_of(events, limit, lambda event: str(event.number))


@router.get("/sync/orders", response_model=Feed, responses=documented(Invalid))
async def feed(
    call: Annotated[Call, needs("sync:read")],
    cursor: Annotated[str | None, Query(max_length=20, description="The `next` of the answer before.")] = None,
    limit: FeedLimit = 50,
) -> Response:
    """Give new orders, each exactly once, whatever happens in between. Keep `next` once the orders are stored."""
    position = _position(cursor, "cursor")
    async with call.read() as tx:
        await store.one_view(tx)
        found = await store.feed(tx, position, limit)
        items = [whole for _, order_id in found if (whole := await store.whole(tx, order_id)) is not None]
    return call.answer(Feed(items=items, next=str(found[-1][0] if found else position)))


def _position(text: str | None, field: str) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_POSITION):
        raise Invalid("this is no cursor of this list", field=field)
    return int(text)
