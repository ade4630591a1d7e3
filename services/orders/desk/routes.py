"""Orders read over HTTP: the list, one whole, its timeline, and the feed of new orders."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from libs.contracts.orders import FulfilmentAxis, HoldKind, Lifecycle, PaymentAxis, StockAxis
from libs.service.call import Call, Moment, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Forbidden, Invalid, NotFound, documented
from services.orders.desk import store
from services.orders.desk.customers_view import CustomersOrderOut, CustomersSummaryOut
from services.orders.desk.following import account
from services.orders.desk.following.account import Language
from services.orders.desk.out import OrderOut
from services.orders.lifecycle.out import SummaryOut
from services.orders.lifecycle.timeline import shown

router = APIRouter(prefix="/v1", tags=["orders"])
READ = "orders:read"
Reads = Annotated[Call, needs(READ)]
Viewer = Annotated[Call, needs(READ, own="orders:own")]
MAX_POSITION = 2**63 - 1
FeedLimit = Annotated[int, Query(ge=1, le=100, description="How many orders at most.")]


class EventOut(BaseModel):
    """A fact about an order, of whatever service. What was put in words needs customers:read."""

    number: int
    event_id: UUID
    topic: str
    at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    detail: dict[str, Any]


class Feed(BaseModel):
    """New orders, each exactly once over all cursors; `next` is the cursor to go on from, also when nothing is new."""

    items: list[OrderOut]
    next: str


def _only_own(call: Call) -> UUID | None:
    """The customer whose orders alone may be seen; None for somebody who may see all."""
    return call.principal.customer_id if call.principal.kind == "customer" else None


@router.get(
    "/orders", response_model=Page[SummaryOut] | Page[CustomersSummaryOut], responses=documented(Invalid, Forbidden)
)
async def orders(  # noqa: PLR0917 - FastAPI's parameters
    call: Viewer,
    channel: Annotated[str | None, Query(max_length=64)] = None,
    external_id: Annotated[str | None, Query(max_length=64)] = None,
    lifecycle: Lifecycle | None = None,
    stock: StockAxis | None = None,
    payment: PaymentAxis | None = None,
    fulfilment: FulfilmentAxis | None = None,
    hold: HoldKind | None = None,
    customer_id: UUID | None = None,
    placed_from: Moment | None = None,
    placed_until: Moment | None = None,
    referer: Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=10)] = None,
    referer_match: Literal["any", "only"] = "any",
    language: Language = None,
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """Orders, the newest first. `referer_match=only`: orders that no other referer than these brought.

    A customer gets their own, those that are shown to them; filters do not narrow those.
    """
    place = decode(after, (datetime, UUID))
    if (customer := _only_own(call)) is not None:
        return await account.own_orders(call, customer, (place[0], place[1]) if place else None, limit, language)
    filters = store.Filters(
        channel,
        external_id,
        lifecycle,
        stock,
        payment,
        fulfilment,
        hold,
        customer_id,
        placed_from,
        placed_until,
        tuple(referer or ()),
        referer_match,
    )
    async with call.read() as tx:
        rows = await store.page(tx, filters, (place[0], place[1]) if place else None, limit + 1)
    shown = [SummaryOut.of_row(row) for row in rows]
    return page_of(shown, limit, lambda row: encode(row.placed_at, row.id))


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
    async with call.read() as tx:
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
