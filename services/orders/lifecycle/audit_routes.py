"""The audit over HTTP: an order's events with what was and what is, what somebody did, and whether it holds."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from libs.service.call import Call, Moment, needs
from libs.service.paging import MAX_BIGINT, After, Limit, Page, decode, encode, page_of
from libs.service.problems import Invalid, NotFound, documented
from services.orders.lifecycle import audit_store as store
from services.orders.lifecycle.audit_store import Search
from services.orders.lifecycle.auditing import look_at
from services.orders.lifecycle.out import EventOut

router = APIRouter(prefix="/v1", tags=["audit"])
Reads = Annotated[Call, needs("orders:read")]
Audits = Annotated[Call, needs("audit:read")]
AfterNumber = Annotated[int, Query(ge=0, le=MAX_BIGINT, description="The number of the last event that is known.")]


class AuditEventOut(EventOut):
    """A fact about an order or a command on it: who, when, what, before, after."""

    personal: dict[str, Any] | None  # null without customers:read, where there is nothing, and once it was erased

    @classmethod
    def shown(cls, row: dict[str, Any], call: Call) -> Any:
        """From its row; with what is personal only to who may see that."""
        may = "customers:read" in call.principal.scopes
        return cls.model_validate(row if may else row | {"personal": None})


class FoundEventOut(AuditEventOut):
    """An event of any order."""

    order_id: UUID
    order_number: str


class BreakOut(BaseModel):
    """Where a timeline is not what was written."""

    number: int
    what: str


class VerifiedOut(BaseModel):
    """Whether a timeline is what was written."""

    verified: bool
    events: int
    chained_from: int | None  # events before it were written by a release that chained nothing
    breaks: list[BreakOut]


@router.get("/orders/{order_id}/events", response_model=Page[AuditEventOut], responses=documented(NotFound))
async def events(order_id: UUID, call: Reads, after: AfterNumber = 0, limit: Limit = 100) -> Any:
    """Every event of an order, numbered without a gap from 1, from behind number `after`: ask again to follow it."""
    async with call.read() as tx:
        rows = await store.events(tx, order_id, after, limit + 1)
    if rows is None:
        raise NotFound("there is no such order")
    shown = [AuditEventOut.shown(row, call) for row in rows]
    return page_of(shown, limit, lambda event: str(event.number))


@router.get("/orders/{order_id}/audit", responses=documented(NotFound))
async def verified(order_id: UUID, call: Audits) -> VerifiedOut:
    """Whether an order's events are what was written, and if not, where they differ."""
    async with call.read() as tx:
        looked = await look_at(tx, [order_id])
    if not looked:
        raise NotFound("there is no such order")
    found = looked[0]
    breaks = [BreakOut(number=each.number, what=each.what) for each in found.breaks]
    return VerifiedOut(verified=not breaks, events=found.events, chained_from=found.since, breaks=breaks)


@router.get("/audit", response_model=Page[FoundEventOut], responses=documented(Invalid))
async def search(
    call: Audits,
    actor: Annotated[str | None, Query(max_length=200, description="Such as `user:ana`.")] = None,
    customer_id: UUID | None = None,
    topic: Annotated[str | None, Query(max_length=100)] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Moment | None = None,
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """All that one operator, key or service did, or all that was done to the orders of one customer, the newest first.

    `actor` or `customer_id` must be given; both, and the others, narrow it.
    """
    if actor is None and customer_id is None:
        raise Invalid("actor or customer_id must be given", field="actor")
    place = decode(after, (datetime, UUID, int))
    wanted = Search(actor, customer_id, topic, since, until)
    async with call.read() as tx:
        rows = await store.found(tx, wanted, (place[0], place[1], place[2]) if place else None, limit + 1)
    shown = [FoundEventOut.shown(row, call) for row in rows]
    return page_of(shown, limit, lambda event: encode(event.at, event.order_id, event.number))
