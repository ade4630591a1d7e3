"""Sellers, channels and keys over HTTP."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, EmailStr, Field, StringConstraints, field_validator, model_validator

from libs.contracts.currencies import exponent
from libs.contracts.orders import OnShortage
from libs.service.call import Body, Call, Moment, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Invalid, NotFound, Stale, documented
from libs.service.roles import SCOPES
from services.orders.channels import handlers, store
from services.orders.channels.domain import ChannelKind, Weekday
from services.orders.channels.handlers import CodeTaken
from services.orders.channels.tables import ApiKeyRow, ChannelRow, SellerRow

router = APIRouter(prefix="/v1", tags=["channels"])
Writes = Annotated[Call, needs("settings:write")]
Reads = Annotated[Call, needs("settings:read")]
Keys = Annotated[Call, needs("keys:write")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Url = Annotated[str, Field(max_length=500, pattern="^https?://")]
Hour = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]


class SellerChange(Body):
    """What of a seller may change."""

    name: Name
    vat_id: Annotated[str, Field(max_length=20)] | None = None


class SellerIn(SellerChange):
    """A legal entity that sells."""

    code: Code
    series: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{0,7}$")] = Field(
        description="Begins the numbers of its orders: RO-2026-000123."
    )


class Row(BaseModel):
    """What is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class SellerOut(Row):
    """A legal entity that sells."""

    id: UUID
    version: int
    code: str
    name: str
    vat_id: str | None
    series: str


class ChannelChange(Body):
    """The whole configuration of a channel, but its code."""

    name: Name
    kind: ChannelKind
    seller: Code
    languages: Annotated[list[Language], Field(min_length=1, max_length=10)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    time_zone: Annotated[str, Field(max_length=64, examples=["Europe/Bucharest"])]
    depots: Annotated[list[Annotated[str, Field(min_length=1, max_length=32)]], Field(max_length=50)] = Field(
        default_factory=list
    )
    on_shortage: OnShortage = OnShortage.REJECT
    merchant_email: EmailStr | None = None
    shop_email: EmailStr | None = None
    shop_url: Url | None = None
    alert_email: EmailStr | None = Field(None, description="Who is told of deadlines and losses; else merchant_email.")
    history_published: bool = Field(default=True, description="Whether customers may follow their orders.")
    account: bool = Field(default=True, description="Whether customers' tokens show this channel's orders.")
    tracking_url: Url | None = Field(None, description="Where tracking links begin; else as the installation is set.")
    tracking_days: Annotated[int, Field(ge=1, le=3650)] = Field(180, description="How long a tracking link opens.")
    sms_sender: Annotated[str, Field(pattern=r"^([A-Za-z0-9 ]{3,11}|\+?[0-9]{3,15})$")] | None = None
    working_days: Annotated[list[Weekday], Field(max_length=7)] = Field(default_factory=lambda: list(Weekday)[:5])
    opens: Hour = "09:00"
    closes: Hour = Field("17:00", description="After `opens`, on the same day.")
    holidays: Annotated[list[date], Field(max_length=400)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes:
            raise ValueError("closes has to be after opens")
        return self

    @field_validator("currency")
    @classmethod
    def _is_currency(cls, value: str) -> str:
        exponent(value)
        return value

    @field_validator("time_zone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("is no time zone")
        return ZoneInfo(value).key


class ChannelIn(ChannelChange):
    """A configured shop, marketplace, desk or till."""

    code: Code


class ChannelOut(Row):
    """A configured shop, marketplace, desk or till."""

    id: UUID
    version: int
    code: str
    name: str
    kind: str
    seller: str
    languages: list[str]
    currency: str
    time_zone: str
    depots: list[str]
    on_shortage: str
    merchant_email: str | None
    shop_email: str | None
    shop_url: str | None
    alert_email: str | None
    history_published: bool
    account: bool
    tracking_url: str | None
    tracking_days: int
    sms_sender: str | None
    working_days: list[str]
    opens: str
    closes: str
    holidays: list[date]


class KeyIn(Body):
    """An API key for a program or a person."""

    name: Name
    role: Literal["operator", "manager", "erp", "storefront", "dashboards"]
    scopes: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=50)] = Field(default_factory=list)
    expires_at: Moment | None = None

    @field_validator("scopes")
    @classmethod
    def _are_scopes(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - SCOPES):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        return value


class KeyOut(Row):
    """An API key without its secret."""

    id: UUID
    version: int
    name: str
    prefix: str
    role: str
    scopes: list[str]
    revoked: bool
    expires_at: datetime | None
    created_at: datetime | None
    created_by: str


class NewKeyOut(KeyOut):
    """A key just made; `key` is shown this once, and is empty where the same call is repeated."""

    key: str

    @classmethod
    def made(cls, row: ApiKeyRow, key: str) -> Self:
        """With its text."""
        return cls(**KeyOut.model_validate(row).model_dump(), key=key)


@router.post("/sellers", status_code=201, response_model=SellerOut, responses=documented(CodeTaken, Invalid))
async def add_seller(body: SellerIn, call: Writes) -> Response:
    """Add a seller."""
    async with call.uow() as tx:
        row = await handlers.add_seller(tx, body.model_dump())
        return call.answer(SellerOut.model_validate(row), status=201, etag=row.version)


@router.put("/sellers/{code}", response_model=SellerOut, responses=documented(NotFound, Stale, Invalid))
async def change_seller(code: str, body: SellerChange, call: Writes) -> Response:
    """Change a seller; code and series stay."""
    async with call.uow() as tx:
        row = await handlers.change_seller(tx, code, body.model_dump(), call.if_match)
        return call.answer(SellerOut.model_validate(row), etag=row.version)


@router.get("/sellers", response_model=Page[SellerOut])
async def sellers(call: Reads, after: After = None, limit: Limit = 50) -> Any:
    """All sellers, by code."""
    place = decode(after, (str,))
    async with call.look() as tx:
        rows = await store.page(tx, SellerRow, "code", place[0] if place else None, limit + 1)
    return page_of([SellerOut.model_validate(row) for row in rows], limit, lambda row: encode(row.code))


@router.post("/channels", status_code=201, response_model=ChannelOut, responses=documented(CodeTaken, Invalid))
async def add_channel(body: ChannelIn, call: Writes) -> Response:
    """Add a channel."""
    async with call.uow() as tx:
        row = await handlers.add_channel(tx, body.model_dump())
        return call.answer(ChannelOut.model_validate(row), status=201, etag=row.version)


@router.put("/channels/{code}", response_model=ChannelOut, responses=documented(NotFound, Stale, Invalid))
async def change_channel(code: str, body: ChannelChange, call: Writes) -> Response:
    """Change a channel; its code stays."""
    async with call.uow() as tx:
        row = await handlers.change_channel(tx, code, body.model_dump(), call.if_match)
        return call.answer(ChannelOut.model_validate(row), etag=row.version)


@router.get("/channels", response_model=Page[ChannelOut])
async def channels(call: Reads, after: After = None, limit: Limit = 50) -> Any:
    """All channels, by code."""
    place = decode(after, (str,))
    async with call.look() as tx:
        rows = await store.page(tx, ChannelRow, "code", place[0] if place else None, limit + 1)
    return page_of([ChannelOut.model_validate(row) for row in rows], limit, lambda row: encode(row.code))


@router.post("/api-keys", status_code=201, response_model=NewKeyOut, responses=documented(Invalid))
async def add_key(body: KeyIn, call: Keys) -> Response:
    """Make an API key. Its text is in this answer and nowhere else."""
    async with call.uow() as tx:
        row, key = await handlers.add_key(tx, body.model_dump())
        return call.answer(NewKeyOut.made(row, key), status=201, etag=row.version, told_once="key")


@router.post("/api-keys/{key_id}/revoke", response_model=KeyOut, responses=documented(NotFound))
async def revoke_key(key_id: UUID, call: Keys) -> Response:
    """End a key for good; every service refuses it within seconds."""
    async with call.uow() as tx:
        row = await handlers.revoke_key(tx, key_id)
        return call.answer(KeyOut.model_validate(row), etag=row.version)


@router.get("/api-keys", response_model=Page[KeyOut])
async def api_keys(call: Keys, after: After = None, limit: Limit = 50) -> Any:
    """All keys, the oldest first."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows = await store.page(tx, ApiKeyRow, "id", place[0] if place else None, limit + 1)
    return page_of([KeyOut.model_validate(row) for row in rows], limit, lambda row: encode(row.id))
