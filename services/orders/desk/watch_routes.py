"""Why an order does not move, and what followed from what, over HTTP."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from libs.contracts.orders import Lifecycle
from libs.service.call import Call, needs
from libs.service.problems import NotFound, documented
from services.orders.desk import watch_store as store
from services.orders.desk.trace import Node, as_text, speakers, trees
from services.orders.desk.why import Seen, reasons, standing

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])
Reads = Annotated[Call, needs("orders:read")]


class ReasonOut(BaseModel):
    """One thing that an order waits for or is stuck on."""

    code: str
    sentence: str = Field(description="May be read aloud to the customer.")
    service: str = Field(description="Where it lies.")
    since: datetime | None
    next: str = Field(description="What comes next.")
    next_at: datetime | None = Field(description="And when, where that is known.")
    detail: str | None = Field(description="For colleagues only.")


class WhyOut(BaseModel):
    """Why an order does not move; what blocks first comes first."""

    id: UUID
    number: str
    lifecycle: Lifecycle
    sentence: str
    waits_for_nothing: bool
    reasons: list[ReasonOut]

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """From an order and what is known around it."""
        order, found = seen.order, reasons(seen)
        return cls(
            id=order.id,
            number=order.number,
            lifecycle=order.lifecycle,
            sentence=standing(seen),
            waits_for_nothing=not found,
            reasons=[ReasonOut.model_validate(reason, from_attributes=True) for reason in found],
        )


class TraceOut(BaseModel):
    """What followed from what: the newest 2,000 facts of an order."""

    id: UUID
    number: str
    roots: list[Node]


@router.get("/why", response_model=WhyOut, responses=documented(NotFound))
async def why(order_id: UUID, call: Reads) -> Response:
    """Why an order does not move: what it waits for, with whom that lies, since when, and what comes next and when."""
    async with call.read() as tx:
        seen = await store.seen(tx, order_id)
    if seen is None:
        raise NotFound("there is no such order")
    return call.answer(WhyOut.of(seen))


@router.get(
    "/trace",
    response_model=TraceOut,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **documented(NotFound)},
)
async def trace(
    order_id: UUID,
    call: Reads,
    form: Annotated[Literal["json", "text"], Query(alias="format", description="`text`: lines to be read.")] = "json",
) -> Response:
    """Tell what followed from what, over all services, with times."""
    async with call.read() as tx:
        found = await store.facts(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    number, rows = found
    roots = trees(rows, speakers())
    if form == "text":
        return PlainTextResponse(as_text(number, roots))
    return call.answer(TraceOut(id=order_id, number=number, roots=roots))
