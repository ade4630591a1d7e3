"""The HTTP edge of money that no row here knows of."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.contracts.common import Money
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Forbidden, InProgress, Invalid, KeyReused, NotFound, Unauthenticated, documented
from services.payments.unannounced import store

router = APIRouter(prefix="/v1/unannounced-payments", tags=["unannounced"])
READS = (Unauthenticated, Forbidden, Invalid)


class CloseIn(Body):
    """What was done about it."""

    note: str = Field(min_length=1, max_length=500, description="What was done: given back at the provider, kept ...")


class UnannouncedPayment(BaseModel):
    """A movement of money that a provider lists and no row here knows of: it was lost in a restore, or is not ours."""

    id: UUID
    provider: str
    reference: str
    kind: str
    amount: Money
    invoice: str | None = Field(description="Our reference that it carries: an order's number and six characters.")
    occurred_at: datetime
    listed_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str | None

    @classmethod
    def of(cls, row: store.Row) -> "UnannouncedPayment":
        """From a row."""
        members = {name: row[name] for name in cls.model_fields if name != "amount"}
        return cls(amount=Money(row["amount_minor"], row["currency"]), **members)


@router.get("", responses=documented(*READS))
async def unannounced(
    call: Annotated[Call, needs("payments:read")], *, closed: bool = False, after: After = None, limit: Limit = 50
) -> Page[UnannouncedPayment]:
    """What nobody has dealt with yet, oldest first; with `closed` also what somebody has."""
    place = decode(after, [UUID])
    async with call.look() as tx:
        rows = await store.page(tx, place[0] if place else None, limit + 1, closed=closed)
    return page_of([UnannouncedPayment.of(row) for row in rows], limit, lambda each: encode(each.id))


@router.post(
    "/{row_id}/close",
    response_model=UnannouncedPayment,
    responses=documented(*READS, NotFound, InProgress, KeyReused),
)
async def close(row_id: UUID, body: CloseIn, call: Annotated[Call, needs("payments:write")]) -> Response:
    """A person has dealt with it. An order that waited for that is asked to be paid now."""
    async with call.uow() as tx:
        row = await store.close(tx, row_id, tx.cause.actor, body.note)
        if row is None:
            raise NotFound("there is no such row")
        await store.let_go(tx, row["invoice"])
        tx.after_commit(call.context.wake["payment_call"].set)
        return call.answer(UnannouncedPayment.of(row), etag=row["version"])
