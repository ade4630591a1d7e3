"""Customers over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from libs.service.call import Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import NotFound, documented
from services.orders.customers import store
from services.orders.customers.domain import email_key

router = APIRouter(prefix="/v1", tags=["customers"])
Reads = Annotated[Call, needs("customers:read")]


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
    known_as: list[KnownAs]


def _out(row: dict[str, Any]) -> CustomerOut:
    return CustomerOut.model_validate(row)


@router.get("/customers", response_model=Page[CustomerOut])
async def customers(
    call: Reads, email: Annotated[str | None, Query(max_length=254)] = None, after: After = None, limit: Limit = 50
) -> Any:
    """Customers, the oldest first; by e-mail where one is given."""
    place = decode(after, (UUID,))
    async with call.read() as tx:
        rows = await store.page(tx, email_key(email), place[0] if place else None, limit + 1)
    return page_of([_out(row) for row in rows], limit, lambda row: encode(row.id))


@router.get("/customers/{customer_id}", responses=documented(NotFound))
async def customer(customer_id: UUID, call: Reads) -> CustomerOut:
    """One customer, with what the channels call them."""
    async with call.read() as tx:
        row = await store.find(tx, customer_id)
    if row is None:
        raise NotFound("there is no such customer")
    return _out(row)
