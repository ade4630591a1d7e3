"""What the desk does about a customer who follows an order: visibility, and the link."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode
from libs.service.problems import Invalid, NotFound, Stale, documented
from services.orders.customers.links import Links
from services.orders.desk.customers_view import PublishedOut
from services.orders.desk.following import account, handlers, store
from services.orders.desk.following.account import Language
from services.orders.desk.following.domain import Followed
from services.orders.desk.following.handlers import Forgotten

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["customers"])
Reads = Annotated[Call, needs("orders:read")]
Viewer = Annotated[Call, needs("orders:read", own="orders:own")]
Writes = Annotated[Call, needs("orders:write")]


class VisibilityIn(Body):
    """Whether the customer sees the order."""

    visible: bool | None = Field(description="null: as its channel and its payment say.")


class VisibilityOut(BaseModel):
    """Whether the customer sees the order, and where."""

    visible: bool | None = Field(description="A person's word on this order; null: its channel and payment decide.")
    account: bool = Field(description="Whether the customer's token shows it now.")
    link: bool = Field(description="Whether its link would open it now.")

    @classmethod
    def of(cls, found: Followed) -> "VisibilityOut":
        """As it follows from everything known."""
        return cls(visible=found.visible, account=found.in_account, link=found.by_link)


class LinkState(StrEnum):
    """What a tracking link does."""

    OPEN = "open"
    HIDDEN = "hidden"  # it would open, were the order visible
    EXPIRED = "expired"
    REVOKED = "revoked"  # or never made


class LinkOut(BaseModel):
    """The link by which the customer follows the order."""

    state: LinkState
    url: str | None
    expires_at: datetime | None


def _link(call: Call, found: Followed) -> LinkOut:
    token = found.tracking_token
    ticket = Links(call.context.settings).read(token) if token else None
    if ticket is None:
        return LinkOut(state=LinkState.REVOKED, url=None, expires_at=None)
    late = ticket.expires_at <= datetime.now(UTC)
    opens = LinkState.OPEN if found.by_link else LinkState.HIDDEN
    url = found.link(call.context.settings.open_to_customers)
    return LinkOut(state=LinkState.EXPIRED if late else opens, url=url, expires_at=ticket.expires_at)


@router.get("/history", response_model=Page[PublishedOut], responses=documented(NotFound, Invalid))
async def published_history(
    order_id: UUID, call: Viewer, language: Language = None, after: After = None, limit: Limit = 50
) -> Any:
    """What its customer was told of an order, the newest first, in their language. A customer reads their own."""
    place = decode(after, (UUID,))
    customer = call.principal.customer_id if call.principal.kind == "customer" else None
    return await account.own_history(call, customer, order_id, place[0] if place else None, limit, language)


@router.get("/visibility", response_model=VisibilityOut, responses=documented(NotFound))
async def visibility(order_id: UUID, call: Reads) -> Response:
    """Whether the customer sees an order, by account and by link."""
    found = await _read(call, order_id)
    return call.answer(VisibilityOut.of(found), etag=found.version)


@router.put("/visibility", response_model=VisibilityOut, responses=documented(NotFound, Stale))
async def set_visibility(order_id: UUID, body: VisibilityIn, call: Writes) -> Response:
    """Show one order to its customer or hide it, whatever its channel and its payment say."""
    async with call.uow() as tx:
        found = await handlers.set_visible(tx, order_id, body.visible, call.if_match)
        return call.answer(VisibilityOut.of(found), etag=found.version)


@router.get("/tracking-link", response_model=LinkOut, responses=documented(NotFound))
async def tracking_link(order_id: UUID, call: Reads) -> Response:
    """Read the link by which a customer follows an order without signing in: to send it again."""
    found = await _read(call, order_id)
    return call.answer(_link(call, found), etag=found.version)


@router.post("/tracking-link/renew", response_model=LinkOut, responses=documented(NotFound, Forgotten, Stale))
async def renew_tracking_link(order_id: UUID, call: Writes) -> Response:
    """Make a new link; the one before opens nothing any more. A repeated call is answered without its address."""
    async with call.uow() as tx:
        found = await handlers.renew(tx, order_id, Links(call.context.settings), call.if_match)
        return call.answer(_link(call, found), etag=found.version, told_once="url")


@router.post("/tracking-link/revoke", response_model=LinkOut, responses=documented(NotFound, Stale))
async def revoke_tracking_link(order_id: UUID, call: Writes) -> Response:
    """Let the link open nothing any more."""
    async with call.uow() as tx:
        found = await handlers.revoke(tx, order_id, call.if_match)
        return call.answer(_link(call, found), etag=found.version)


async def _read(call: Call, order_id: UUID) -> Followed:
    async with call.read() as tx:
        found = await store.followed(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    return found
