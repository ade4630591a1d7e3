"""The HTTP edge of notifications: see what was written to whom, and send it again."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from libs.service.call import Body, Call, needs
from libs.service.due import CallState
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, documented
from services.notifications import domain, handlers, store
from services.notifications.mail import host_of

router = APIRouter(prefix="/v1/messages", tags=["messages"])
DENIED = (Unauthenticated, Forbidden)


class MessageOut(BaseModel):
    """A message, and how it fares on its way to the mail server."""

    id: UUID
    version: int
    order_id: UUID | None
    kind: str = Field(description="acknowledged, new_order, pay_transfer, paid, shipped, status, overdue, held ...")
    by: str = Field(description="mail or sms")
    recipient: str
    recipient_hash: str | None = Field(description="What the address is known by in /v1/bounces.")
    language: str
    subject: str
    state: CallState = Field(description="due, claimed, unknown, succeeded, failed, refused")
    message_id: str | None = Field(description="The mail's Message-ID: every copy of it has the same.")
    attempts: int
    doubts: int = Field(description="Sends whose outcome nobody knows: that many further copies may have arrived.")
    last_error: str | None
    next_try: datetime | None
    parts: int | None = Field(description="Of an SMS: how many are billed.")
    resend_of: UUID | None
    resent_by: str | None
    created_at: datetime
    sent_at: datetime | None
    bounced_at: datetime | None = Field(description="When it was reported to have come back.")

    @classmethod
    def of(cls, row: store.Row, mail_from: str) -> Self:
        """As it is shown."""
        under_way = row["call_state"] in (CallState.DUE, CallState.UNKNOWN)
        own = {name: row[name] for name in cls.model_fields if name in row}
        mail = row["by"] == domain.MAIL
        name = domain.message_id(row["cause"], row["kind"], row["recipient"], host_of(mail_from)) if mail else None
        return cls(
            **own,
            state=row["call_state"],
            message_id=name,
            next_try=row["due_at"] if under_way else None,
        )


class MessageDetail(MessageOut):
    """A message with its text."""

    text: str
    html: str


class ResendIn(Body):
    """Where to send it again."""

    recipient: Annotated[str, Field(min_length=3, max_length=domain.MAX_ADDRESS)] | None = Field(
        default=None, description="The right address, where the first one was not."
    )


@router.get("", responses=documented(Invalid, *DENIED))
async def messages(
    call: Annotated[Call, needs("notifications:read")],
    order_id: UUID | None = None,
    state: Annotated[list[CallState] | None, Query()] = None,
    after: After = None,
    limit: Limit = 50,
) -> Page[MessageOut]:
    """Messages, newest first."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows = await store.page(tx, order_id, state, place[0] if place else None, limit + 1)
    found = [MessageOut.of(row, call.context.settings.mail_from) for row in rows]
    return page_of(found, limit, lambda each: encode(each.id))


@router.get("/{message_id}", response_model=MessageDetail, responses=documented(NotFound, *DENIED))
async def message(message_id: UUID, call: Annotated[Call, needs("notifications:read")]) -> Response:
    """One message with its text."""
    async with call.look() as tx:
        row = await store.message(tx, message_id)
    if row is None:
        raise NotFound
    return call.answer(MessageDetail.of(row, call.context.settings.mail_from), etag=row["version"])


@router.post(
    "/{message_id}/resend",
    status_code=201,
    response_model=MessageDetail,
    responses=documented(NotFound, Conflict, Invalid, *DENIED),
)
async def resend(message_id: UUID, body: ResendIn, call: Annotated[Call, needs("notifications:write")]) -> Response:
    """Send a message once more, as a message of its own."""
    async with call.uow() as tx:
        new = await handlers.resend(tx, message_id, body.recipient)
        row = await store.message(tx, new)
        assert row is not None  # noqa: S101 - written in this transaction
        tx.after_commit(call.context.wake["message" if row["by"] == domain.MAIL else "sms"].set)
        return call.answer(
            MessageDetail.of(row, call.context.settings.mail_from),
            status=201,
            etag=row["version"],
            headers={"Location": f"/v1/messages/{new}"},
        )
