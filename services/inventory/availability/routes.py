"""HTTP: what may be sold, for everybody, and how the figure comes about, for staff."""

import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from libs.contracts.common import Quantity
from libs.service.call import Call, needs, public
from libs.service.problems import Forbidden, Invalid, NotFound, TooMany, Unauthenticated, documented
from services.inventory.availability import handlers
from services.inventory.availability.domain import Why

router = APIRouter(prefix="/v1/availability", tags=["availability"])

Sku = Annotated[str, Query(min_length=1, max_length=100)]


class AvailableOut(BaseModel):
    """How much of an item a new order could have now."""

    sku: str
    available: Quantity


class AvailabilityOut(BaseModel):
    """What a channel may sell."""

    channel: str
    items: list[AvailableOut]


class EntryOut(BaseModel):
    """One summand: goods on hand, or what is taken off them."""

    why: Why
    quantity: Quantity
    depot: str | None = None
    order_id: UUID | None = None
    number: str | None = None


class ExplainedOut(BaseModel):
    """A figure and the entries whose sum it is."""

    sku: str
    channel: str | None
    available: Quantity
    entries: list[EntryOut]


@router.get("", response_model=AvailabilityOut, responses={304: {}, **documented(NotFound, Invalid, TooMany)})
async def available(
    request: Request,
    call: Annotated[Call, public()],
    channel: Annotated[str, Query(min_length=1, max_length=100)],
    sku: Annotated[list[Sku], Query(min_length=1, max_length=200, description="Up to 200 SKUs.")],
) -> Response:
    """What may be sold now of each SKU: 0 of an unknown one. Cacheable for seconds; 304 while it is the same."""
    async with call.look() as tx:
        found = await handlers.now(tx, channel, set(sku))
    items = [AvailableOut(sku=each, available=Quantity(found[each])) for each in dict.fromkeys(sku)]
    body = AvailabilityOut(channel=channel, items=items)
    tag = f'"{hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:32]}"'
    age = round(call.context.settings.public_max_age.total_seconds())
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={age}"}
    if _names(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return call.answer(body, headers=headers)


def _names(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in (each.strip().removeprefix("W/") for each in header.split(","))


@router.get(
    "/{sku}/explain",
    response_model=ExplainedOut,
    responses=documented(Unauthenticated, Forbidden, NotFound, Invalid),
)
async def explain(
    call: Annotated[Call, needs("stock:read")],
    sku: Annotated[str, Path(min_length=1, max_length=100)],
    channel: Annotated[str | None, Query(min_length=1, max_length=100)] = None,
) -> Response:
    """What is on hand, what every order holds of it, what is kept back and set aside: the sum is the figure.

    Without a channel: over all depots in use.
    """
    async with call.read() as tx:
        found = await handlers.explain(tx, sku, channel)
    if not found.levels:
        raise NotFound(f"there is no stock level of {sku}")
    entries = [
        EntryOut(why=e.why, quantity=Quantity(e.quantity), depot=e.depot, order_id=e.order_id, number=e.number)
        for e in found.entries
    ]
    return call.answer(ExplainedOut(sku=sku, channel=channel, available=Quantity(found.available), entries=entries))
