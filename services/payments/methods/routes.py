"""HTTP: payment methods."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, field_validator

from libs.contracts.common import Money
from libs.contracts.currencies import exponent
from libs.contracts.orders import DeliveryKind, PaymentKind
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, NotFound, Stale, Unauthenticated, documented
from services.payments.methods import handlers, store

router = APIRouter(prefix="/v1/payment-methods", tags=["payment methods"])
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,49}$")]
CodePath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_.-]{0,49}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
ERRORS = (Unauthenticated, Forbidden, Invalid)


class PaymentMethodIn(Body):
    """A way to pay. `intent: authorize` has a provider promise the money first and take it when goods are reserved."""

    code: Code
    kind: PaymentKind
    names: dict[Language, Annotated[str, Field(min_length=1, max_length=100)]] = Field(min_length=1, max_length=50)
    active: bool = True
    currencies: list[Annotated[str, Field(pattern="^[A-Z]{3}$")]] = Field(default=[], max_length=50)
    companies_only: bool = False
    fee: Money | None = None
    reserve_for_minutes: Annotated[int, Field(ge=1, le=525_600)] | None = None
    delivery_kinds: list[DeliveryKind] = Field(default=[], max_length=10)
    intent: Literal["capture", "authorize"] = "capture"

    @field_validator("currencies")
    @classmethod
    def _are_currencies(cls, value: list[str]) -> list[str]:
        for code in value:
            exponent(code)
        return value

    @field_validator("fee")
    @classmethod
    def _is_no_gift(cls, value: Money | None) -> Money | None:
        if value is not None and value.minor < 0:
            raise ValueError("a fee is not negative")
        return value

    def columns(self) -> dict[str, Any]:
        """As a row."""
        return {
            "code": self.code,
            "kind": str(self.kind),
            "names": self.names,
            "active": self.active,
            "currencies": self.currencies,
            "companies_only": self.companies_only,
            "fee_minor": self.fee.minor if self.fee else None,
            "fee_currency": self.fee.currency if self.fee else None,
            "reserve_for_minutes": self.reserve_for_minutes,
            "delivery_kinds": [str(kind) for kind in self.delivery_kinds],
            "intent": self.intent,
        }


class PaymentMethodOut(BaseModel):
    """A way to pay, as it is."""

    code: str
    kind: PaymentKind
    names: dict[str, str]
    active: bool
    currencies: list[str]
    companies_only: bool
    fee: Money | None
    reserve_for_minutes: int | None
    delivery_kinds: list[str]
    intent: str
    version: int

    @classmethod
    def of(cls, row: store.Row) -> "PaymentMethodOut":
        """From a row."""
        fact = handlers.fact_of(row)
        return cls(**fact.model_dump(exclude={"id", "fee"}), fee=fact.fee, intent=row["intent"])


@router.post("", status_code=201, response_model=PaymentMethodOut, responses=documented(*ERRORS, Conflict))
async def create(body: PaymentMethodIn, call: Annotated[Call, needs("settings:write")]) -> Response:
    """Offer another way to pay."""
    async with call.uow() as tx:
        fact = await handlers.create(tx, body.columns())
        row = await store.by_code(tx, fact.code)
        assert row is not None  # noqa: S101 - just written
        return call.answer(PaymentMethodOut.of(row), status=201, etag=fact.version)


@router.put("/{code}", response_model=PaymentMethodOut, responses=documented(*ERRORS, NotFound, Conflict, Stale))
async def change(code: CodePath, body: PaymentMethodIn, call: Annotated[Call, needs("settings:write")]) -> Response:
    """Change a way to pay; what was ordered with it stays as it was."""
    async with call.uow() as tx:
        fact = await handlers.change(tx, code, body.columns(), call.if_match)
        row = await store.by_code(tx, code)
        assert row is not None  # noqa: S101 - just written
        return call.answer(PaymentMethodOut.of(row), etag=fact.version)


@router.get("", responses=documented(*ERRORS))
async def methods(
    call: Annotated[Call, needs("settings:read")], after: After = None, limit: Limit = 50
) -> Page[PaymentMethodOut]:
    """Every way to pay, by code."""
    place = decode(after, [str])
    async with call.look() as tx:
        rows = await store.page(tx, place[0] if place else None, limit + 1)
    return page_of([PaymentMethodOut.of(row) for row in rows], limit, lambda method: encode(method.code))


@router.get("/{code}", response_model=PaymentMethodOut, responses=documented(*ERRORS, NotFound))
async def method(code: CodePath, call: Annotated[Call, needs("settings:read")]) -> Response:
    """One way to pay."""
    async with call.look() as tx:
        row = await store.by_code(tx, code)
    if row is None:
        raise NotFound("there is no such payment method")
    return call.answer(PaymentMethodOut.of(row), etag=row["version"])
