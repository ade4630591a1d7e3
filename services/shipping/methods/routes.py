"""The HTTP edge of delivery methods."""

from typing import Annotated, Any, Self

import asyncpg
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, StringConstraints, ValidationInfo, field_validator

from libs.contracts.common import Money
from libs.contracts.orders import DeliveryKind
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Stale,
    Unauthenticated,
    documented,
)
from services.shipping.methods import handlers, store

router = APIRouter(prefix="/v1/delivery-methods", tags=["delivery methods"])
READ = Annotated[Call, needs("settings:read")]
WRITE = Annotated[Call, needs("settings:write")]
DENIED = (Unauthenticated, Forbidden)
CODE = r"^[a-z0-9][a-z0-9_-]{0,39}$"
Code = Annotated[str, Path(pattern=CODE)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class MethodIn(Body):
    """A delivery method: what it is called, who delivers, and its flat tariff, VAT included."""

    kind: DeliveryKind
    account: str | None = Field(
        default=None, max_length=40, description="The courier account to book with; none: pick-up."
    )
    names: dict[Language, Name] = Field(min_length=1, max_length=20, description="By language.")
    active: bool = True
    price: Money | None = Field(default=None, description="Absent: free.")
    free_from: Money | None = Field(default=None, description="Goods total from which delivery is free.")
    countries: list[Country] = Field(default_factory=list, max_length=250, description="Empty: any.")
    book_when_confirmed: bool = Field(default=True, description="Ask for the AWB as soon as an order is confirmed.")
    companies_only: bool = False

    @field_validator("account")
    @classmethod
    def _somebody_brings_it(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("kind") is DeliveryKind.PICKUP:
            raise ValueError("goods that are picked up need no courier account")
        return value

    @field_validator("price", "free_from")
    @classmethod
    def _is_no_gift(cls, value: Money | None) -> Money | None:
        if value is not None and value.minor < 0:
            raise ValueError("is not negative")
        return value

    @field_validator("free_from")
    @classmethod
    def _is_in_the_same_currency(cls, value: Money | None, info: ValidationInfo) -> Money | None:
        price = info.data.get("price")
        if value is not None and price is not None and price.currency != value.currency:
            raise ValueError("is in the currency of the price")
        return value

    def values(self) -> dict[str, Any]:
        """As its columns."""
        currency = next((amount.currency for amount in (self.price, self.free_from) if amount is not None), None)
        told = {"kind", "account", "names", "active", "countries", "book_when_confirmed", "companies_only"}
        return self.model_dump(include=told) | {
            "currency": currency,
            "price_minor": self.price.minor if self.price else None,
            "free_from_minor": self.free_from.minor if self.free_from else None,
        }


class NewMethodIn(MethodIn):
    """A new delivery method."""

    code: str = Field(pattern=CODE, description="What orders name it by; never changes.")


class MethodOut(BaseModel):
    """A delivery method as it stands."""

    code: str
    version: int
    kind: DeliveryKind
    account: str | None
    courier: str
    names: dict[str, str]
    active: bool
    price: Money | None
    free_from: Money | None
    countries: list[str]
    book_when_confirmed: bool
    companies_only: bool

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """From its row."""
        told = handlers.changed(row).model_dump(exclude={"id", "names", "price", "free_from"})
        fact = handlers.changed(row)
        return cls(**told, account=row["account"], names=row["names"], price=fact.price, free_from=fact.free_from)


@router.get("", responses=documented(Invalid, *DENIED))
async def methods(call: READ, after: After = None, limit: Limit = 50) -> Page[MethodOut]:
    """Delivery methods by code."""
    place = decode(after, (str,))
    async with call.look() as tx:
        rows = await store.page(tx, place[0] if place else None, limit + 1)
    return page_of([MethodOut.of(row) for row in rows], limit, lambda each: encode(each.code))


@router.get("/{code}", responses=documented(NotFound, *DENIED))
async def method(code: Code, call: READ, response: Response) -> MethodOut:
    """One delivery method."""
    async with call.look() as tx:
        row = await store.by_code(tx, code)
    if row is None:
        raise NotFound
    response.headers["ETag"] = f'"{row["version"]}"'
    return MethodOut.of(row)


@router.post("", status_code=201, response_model=MethodOut, responses=documented(Conflict, Invalid, *DENIED))
async def create_method(body: NewMethodIn, call: WRITE) -> Response:
    """Add a delivery method."""
    async with call.uow() as tx:
        row = await handlers.create(tx, body.code, body.values())
        return call.answer(MethodOut.of(row), status=201, etag=row["version"])


@router.put("/{code}", response_model=MethodOut, responses=documented(NotFound, Stale, Invalid, *DENIED))
async def replace_method(code: Code, body: MethodIn, call: WRITE) -> Response:
    """Replace a delivery method; orders placed before keep what they were promised."""
    async with call.uow() as tx:
        row = await handlers.replace(tx, code, body.values(), call.if_match)
        return call.answer(MethodOut.of(row), etag=row["version"])
