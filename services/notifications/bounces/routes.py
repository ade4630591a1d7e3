"""The HTTP edge of bounces: where reports of the mail provider go in, and where one is forgotten."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Forbidden, Invalid, NotFound, Unauthenticated, documented
from services.notifications import domain
from services.notifications.bounces import handlers, store
from services.notifications.bounces.domain import BounceKind

router = APIRouter(prefix="/v1/bounces", tags=["bounces"])
DENIED = (Unauthenticated, Forbidden)
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="`recipient_hash` of a message.")]


class BounceIn(Body):
    """What a mail provider reports: by the address, or by one of our messages."""

    address: Annotated[str, Field(min_length=3, max_length=domain.MAX_ADDRESS, examples=["ana@example.com"])] | None = (
        None
    )
    message: UUID | None = Field(None, description="Instead of the address: a message that came back.")
    kind: BounceKind = BounceKind.HARD
    reason: str = Field(
        "reported", pattern=r"^[ -?A-~]{1,100}$", description="Their code, such as 5.1.1; never an address."
    )


class BounceOut(BaseModel):
    """An address that nothing is sent to; it is known by its hash alone."""

    address_hash: str
    kind: BounceKind
    reason: str
    reported_by: str = Field(description="`smtp`: our mail server refused it; or who reported it.")
    bounced_at: datetime


@router.post("", status_code=201, response_model=BounceOut, responses=documented(NotFound, Invalid, *DENIED))
async def report(body: BounceIn, call: Annotated[Call, needs("notifications:write")]) -> Response:
    """Send nothing more to an address that bounced or complained; its last message is told as failed."""
    if (body.address is None) == (body.message is None):
        raise Invalid("name the address or the message that came back, one of them", field="address")
    async with call.uow() as tx:
        known = domain.hash_of(body.address) if body.address else None
        known = known or await handlers.hash_of_message(tx, body.message or UUID(int=0))
        row = await handlers.reported(tx, known, body.kind, body.reason)
        return call.answer(BounceOut(**row), status=201, headers={"Location": f"/v1/bounces/{row['address_hash']}"})


@router.get("", responses=documented(Invalid, *DENIED))
async def bounces(
    call: Annotated[Call, needs("notifications:read")], after: After = None, limit: Limit = 50
) -> Page[BounceOut]:
    """Addresses that nothing is sent to, newest first."""
    place = decode(after, (datetime, str))
    async with call.read() as tx:
        rows = await store.page(tx, (place[0], place[1]) if place else None, limit + 1)
    return page_of([BounceOut(**row) for row in rows], limit, lambda each: encode(each.bounced_at, each.address_hash))


@router.delete("/{address_hash}", status_code=204, responses=documented(NotFound, Invalid, *DENIED))
async def forget(address_hash: Hash, call: Annotated[Call, needs("notifications:write")]) -> Response:
    """Send to this address again: it was mended, or bounced by mistake."""
    async with call.uow() as tx:
        await handlers.forget(tx, address_hash)
        return call.answer(status=204)
