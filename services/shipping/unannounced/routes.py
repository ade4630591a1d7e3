"""The HTTP edge of parcels that no row here knows of."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, documented
from services.shipping.unannounced import handlers, store

router = APIRouter(prefix="/v1/unannounced-parcels", tags=["unannounced"])
READ = Annotated[Call, needs("shipments:read")]
WRITE = Annotated[Call, needs("shipments:write")]
DENIED = (Unauthenticated, Forbidden)


class AdoptIn(Body):
    """Which shipment the parcel is."""

    shipment_id: UUID | None = Field(default=None, description="Needed where several bookings of its order wait.")


class DismissIn(Body):
    """What was done about it."""

    note: str = Field(min_length=1, max_length=500, description="What was done: given up at the courier, not ours ...")


class UnannouncedParcel(BaseModel):
    """An AWB that a courier has and no row here knows of: it was lost in a restore, or is not ours."""

    id: UUID
    account: str
    awb: str
    reference: str
    order_number: str | None = Field(description="The order it was booked for, where the courier's list says so.")
    booked_on: date
    listed_at: datetime
    closed_at: datetime | None
    closed_as: Literal["adopted", "dismissed"] | None
    closed_by: str | None
    note: str | None

    @classmethod
    def of(cls, row: store.Row) -> "UnannouncedParcel":
        """From a row."""
        return cls(**{name: row[name] for name in cls.model_fields})


@router.get("", responses=documented(Invalid, *DENIED))
async def unannounced(
    call: READ, *, closed: bool = False, after: After = None, limit: Limit = 50
) -> Page[UnannouncedParcel]:
    """What nobody has dealt with yet, oldest first; with `closed` also what somebody has."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows = await store.page(tx, place[0] if place else None, limit + 1, closed=closed)
    return page_of([UnannouncedParcel.of(row) for row in rows], limit, lambda each: encode(each.id))


@router.post(
    "/{row_id}/adopt", response_model=UnannouncedParcel, responses=documented(NotFound, Conflict, Invalid, *DENIED)
)
async def adopt(row_id: UUID, body: AdoptIn, call: WRITE) -> Response:
    """The booking of its order that waits takes this AWB: nothing is booked again."""
    async with call.uow() as tx:
        row = await handlers.adopt(tx, row_id, body.shipment_id)
        return call.answer(UnannouncedParcel.of(row), etag=row["version"])


@router.post(
    "/{row_id}/dismiss", response_model=UnannouncedParcel, responses=documented(NotFound, Conflict, Invalid, *DENIED)
)
async def dismiss(row_id: UUID, body: DismissIn, call: WRITE) -> Response:
    """It is none of ours, or was given up at the courier. A booking that waited for that is made now."""
    async with call.uow() as tx:
        row = await handlers.dismiss(tx, row_id, body.note)
        tx.after_commit(call.context.wake["courier_call"].set)
        return call.answer(UnannouncedParcel.of(row), etag=row["version"])
