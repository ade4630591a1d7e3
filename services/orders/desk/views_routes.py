"""Saved views over HTTP. What a view asks for is checked as the list checks it."""

from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, JsonValue, ValidationError

from libs.events.transaction import Transaction
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import FieldError, Invalid, NotFound, Stale, documented, field_path
from services.orders.desk import views
from services.orders.desk.list_routes import Narrowed
from services.orders.desk.lists import Direction, Sort
from services.orders.desk.views import NameTaken, TooManyViews, View, Wanted

router = APIRouter(prefix="/v1/views", tags=["orders"])
Reads = Annotated[Call, needs("orders:read")]


class _Kept(Narrowed):
    """A list as a view asks for it."""

    sort: Sort = "placed"
    direction: Direction = "desc"


KEPT = frozenset(_Kept.model_fields) - {"q"}
"""What of a list's parameters a view keeps: not the page, nor what was searched for, which may be somebody's name."""


class ViewIn(Body):
    """A list as it is asked for, under a name."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    query: Annotated[dict[str, JsonValue], Field(max_length=50)] = Field(
        description="Parameters of `GET /v1/orders`: what narrows but `q`, which may be a name; `sort`, `direction`.",
        examples=[{"status": ["work-bench"], "bucket": "to_ship", "sort": "due", "direction": "asc"}],
    )
    shared: bool = Field(default=False, description="Whether everybody at the desk sees it; only you change it.")


class ViewOut(BaseModel):
    """A view: its `query` is what `GET /v1/orders` is asked."""

    id: UUID
    version: int
    name: str
    query: dict[str, Any]
    shared: bool
    own: bool

    @classmethod
    def of(cls, view: View, owner: str) -> Self:
        """As this person sees it."""
        own = view.owner == owner
        return cls(id=view.id, version=view.version, name=view.name, query=view.query, shared=view.shared, own=own)


async def _wanted(tx: Transaction, body: ViewIn) -> Wanted:
    """The view, if the list could be asked so; Invalid names what is wrong of the query."""
    if unknown := sorted(set(body.query) - KEPT):
        raise Invalid("a view keeps no such parameter", field=f"query.{unknown[0]}")
    try:
        asked = _Kept.model_validate(body.query)
    except ValidationError as error:
        errors = [
            FieldError(field_path(("body", "query", *each["loc"])), each["msg"].removeprefix("Value error, "))
            for each in error.errors()
        ]
        raise Invalid("the list cannot be asked so", errors=errors) from None
    try:
        await asked.filters(tx)
    except Invalid as wrong:
        errors = [FieldError(f"query.{each.field}", each.detail) for each in wrong.errors]
        raise Invalid(wrong.detail, errors=errors) from None
    return Wanted(body.name, asked.model_dump(mode="json", exclude_unset=True), body.shared)


@router.get("", response_model=Page[ViewOut], responses=documented(Invalid))
async def all_views(call: Reads, after: After = None, limit: Limit = 50) -> Any:
    """Your own views and those that others share, the oldest first."""
    place = decode(after, (UUID,))
    owner = call.principal.actor
    async with call.look() as tx:
        found = await views.page(tx, owner, place[0] if place else None, limit + 1)
    return page_of([ViewOut.of(view, owner) for view in found], limit, lambda view: encode(view.id))


@router.get("/{view_id}", response_model=ViewOut, responses=documented(NotFound))
async def view(view_id: UUID, call: Reads) -> Response:
    """One view, your own or shared."""
    async with call.look() as tx:
        found = await views.one(tx, call.principal.actor, view_id)
    return call.answer(ViewOut.of(found, call.principal.actor), etag=found.version)


@router.post("", status_code=201, response_model=ViewOut, responses=documented(NameTaken, TooManyViews, Invalid))
async def add(body: ViewIn, call: Reads) -> Response:
    """Keep a view."""
    owner = call.principal.actor
    async with call.uow() as tx:
        made = await views.add(tx, owner, await _wanted(tx, body))
        return call.answer(ViewOut.of(made, owner), status=201, etag=made.version)


@router.put("/{view_id}", response_model=ViewOut, responses=documented(NotFound, NameTaken, Stale, Invalid))
async def change(view_id: UUID, body: ViewIn, call: Reads) -> Response:
    """Let your own view be otherwise."""
    owner = call.principal.actor
    async with call.uow() as tx:
        made = await views.change(tx, owner, view_id, await _wanted(tx, body), call.if_match)
        return call.answer(ViewOut.of(made, owner), etag=made.version)


@router.delete("/{view_id}", status_code=204, responses=documented(NotFound, Stale))
async def drop(view_id: UUID, call: Reads) -> Response:
    """Forget your own view."""
    async with call.uow() as tx:
        await views.drop(tx, call.principal.actor, view_id, call.if_match)
        return call.answer(status=204)
