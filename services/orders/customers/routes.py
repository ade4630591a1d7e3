"""Customers over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Invalid, NotFound, Stale, documented
from services.orders.customers import erasing, handlers, store
from services.orders.customers.domain import email_key
from services.orders.customers.erasing import OrdersRunning
from services.orders.customers.handlers import Erased

router = APIRouter(prefix="/v1", tags=["customers"])
Reads = Annotated[Call, needs("customers:read")]
Writes = Annotated[Call, needs("customers:write")]
Erases = Annotated[Call, needs("customers:erase")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]


class KnownAs(BaseModel):
    """What a channel calls a customer."""

    channel: str
    id: str


class CustomerOut(BaseModel):
    """A person or company that ordered."""

    id: UUID
    version: int
    name: str | None
    email: str | None
    email_verified: bool
    phone: str | None
    language: str | None
    created_at: datetime
    by_mail: bool
    by_sms: bool
    erased_at: datetime | None = Field(description="Since then nothing is known of them any more.")
    known_as: list[KnownAs]


class PreferencesIn(Body):
    """How a customer wants to be told."""

    language: Language | None = Field(None, description="BCP 47; null: as each order says.")
    by_mail: bool = True
    by_sms: bool = True

    def changes(self) -> dict[str, Any]:
        """What was given."""
        return self.model_dump(include=self.model_fields_set)


class EraseIn(Body):
    """Why a customer is to be forgotten; a word of a list, so that no name is written where one was erased."""

    reason: Literal["customer_asked", "retention_over", "authority", "other"]


class ErasedOut(BaseModel):
    """What was forgotten here; the other services follow by themselves."""

    id: UUID
    erased_at: datetime
    orders: int
    rows: dict[str, int] = Field(description="How many rows of each table were changed or deleted.")


def _out(row: dict[str, Any]) -> CustomerOut:
    return CustomerOut.model_validate(row)


@router.get("/customers", response_model=Page[CustomerOut])
async def customers(
    call: Reads, email: Annotated[str | None, Query(max_length=254)] = None, after: After = None, limit: Limit = 50
) -> Any:
    """Customers, the oldest first; by e-mail where one is given."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows = await store.page(tx, email_key(email), place[0] if place else None, limit + 1)
    return page_of([_out(row) for row in rows], limit, lambda row: encode(row.id))


@router.get("/customers/{customer_id}", response_model=CustomerOut, responses=documented(NotFound))
async def customer(customer_id: UUID, call: Reads) -> Response:
    """One customer, with what the channels call them."""
    async with call.look() as tx:
        row = await store.find(tx, customer_id)
    if row is None:
        raise NotFound("there is no such customer")
    return call.answer(_out(row), etag=row["version"])


@router.patch(
    "/customers/{customer_id}", response_model=CustomerOut, responses=documented(NotFound, Erased, Stale, Invalid)
)
async def prefer(customer_id: UUID, body: PreferencesIn, call: Writes) -> Response:
    """Change how a customer wants to be told: the language, and whether by mail and SMS. What is left out stays."""
    async with call.uow() as tx:
        row = await handlers.prefer(tx, customer_id, body.changes(), call.if_match)
        return call.answer(_out(row), etag=row["version"])


@router.post("/customers/{customer_id}/erase", response_model=ErasedOut, responses=documented(NotFound, OrdersRunning))
async def erase(customer_id: UUID, body: EraseIn, call: Erases) -> Response:
    """Forget a customer, in every service; money and what the law asks for stay. It cannot be undone.

    The other services follow within seconds. Refused while an order of theirs is open or confirmed.
    """
    async with call.uow() as tx:
        done = await erasing.erase(tx, customer_id, body.reason)
        tx.after_commit(call.context.wake[erasing.LOOP].set)
        return call.answer(ErasedOut.model_validate(done))
