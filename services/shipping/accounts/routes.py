"""The HTTP edge of courier accounts."""

from typing import Annotated, Any, Literal, Self

import asyncpg
from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field, SecretStr

from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, NotFound, Stale, Unauthenticated, documented
from services.shipping.accounts import handlers, store
from services.shipping.sealing import Seal

router = APIRouter(prefix="/v1/courier-accounts", tags=["courier accounts"])
READ = Annotated[Call, needs("settings:read")]
WRITE = Annotated[Call, needs("settings:write")]
DENIED = (Unauthenticated, Forbidden)
CODE = r"^[a-z0-9][a-z0-9_-]{0,39}$"
Code = Annotated[str, Path(pattern=CODE)]


class Sender(Body):
    """Who sends, as it stands on labels."""

    name: str = Field(max_length=100)
    street: str = Field(default="", max_length=200)
    city: str = Field(default="", max_length=100)
    phone: str = Field(default="", max_length=30)


class Options(Body):
    """What the contract with the courier says."""

    client_id: int | None = Field(default=None, ge=1, le=2**31 - 1, description="FAN: the branch that books.")
    service: str | None = Field(default=None, max_length=60, description="The courier's own name of the service.")
    letters: list[Annotated[str, Field(pattern="^[A-Z]$")]] = Field(
        default_factory=lambda: ["X"], max_length=26, description="FAN's option letters; A6 labels need X."
    )
    collecting: bool = Field(default=True, description="Cash on delivery comes back by bank transfer.")
    payment: Literal["sender", "recipient"] = "sender"


class Credentials(Body):
    """Kept sealed, never read back."""

    username: str = Field(max_length=200)
    password: SecretStr = Field(max_length=200)


class AccountIn(Body):
    """An account with a courier."""

    active: bool = True
    sender: Sender
    options: Options = Options()
    tracking_link: str | None = Field(
        default=None,
        max_length=300,
        pattern=r"^https?://[^\s]*\{number\}[^\s]*$",
        description="Instead of the courier's own.",
    )
    credentials: Credentials | None = Field(default=None, description="Absent: those that are there stay.")

    def values(self) -> dict[str, Any]:
        """As the account's columns."""
        secret = self.credentials
        return {
            "active": self.active,
            "sender": self.sender.model_dump(),
            "options": self.options.model_dump(exclude_none=True),
            "tracking_link": self.tracking_link,
            "credentials": secret and {"username": secret.username, "password": secret.password.get_secret_value()},
        }


class NewAccountIn(AccountIn):
    """A new account."""

    code: str = Field(pattern=CODE)
    courier: Literal["own_fleet", "fan"]


class AccountOut(BaseModel):
    """An account without its secrets."""

    code: str
    version: int
    courier: str
    active: bool
    sender: dict[str, Any]
    options: dict[str, Any]
    tracking_link: str | None
    has_credentials: bool
    callback_secrets: int = Field(description="How many are live.")

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """From its row."""
        return cls(
            code=row["code"],
            version=row["version"],
            courier=row["courier"],
            active=row["active"],
            sender=row["sender"],
            options=row["options"],
            tracking_link=row["tracking_link"],
            has_credentials=row["credentials"] is not None,
            callback_secrets=len(row["callback_secrets"]),
        )


class CallbackSecretOut(BaseModel):
    """A secret, shown this once."""

    secret: str


@router.get("", responses=documented(Invalid, *DENIED))
async def accounts(call: READ, after: After = None, limit: Limit = 50) -> Page[AccountOut]:
    """Courier accounts by code."""
    place = decode(after, (str,))
    async with call.look() as tx:
        rows = await store.page(tx, place[0] if place else None, limit + 1)
    return page_of([AccountOut.of(row) for row in rows], limit, lambda each: encode(each.code))


@router.get("/{code}", responses=documented(NotFound, *DENIED))
async def account(code: Code, call: READ, response: Response) -> AccountOut:
    """One courier account."""
    async with call.look() as tx:
        row = await store.by_code(tx, code)
    if row is None:
        raise NotFound
    response.headers["ETag"] = f'"{row["version"]}"'
    return AccountOut.of(row)


@router.post("", status_code=201, response_model=AccountOut, responses=documented(Conflict, Invalid, *DENIED))
async def create_account(body: NewAccountIn, call: WRITE) -> Response:
    """Add a courier account."""
    async with call.uow() as tx:
        row = await handlers.create(tx, Seal(call.context.settings), body.code, body.courier, body.values())
        return call.answer(AccountOut.of(row), status=201, etag=row["version"])


@router.put("/{code}", response_model=AccountOut, responses=documented(NotFound, Stale, Invalid, *DENIED))
async def replace_account(code: Code, body: AccountIn, call: WRITE) -> Response:
    """Replace a courier account; credentials that are not given stay."""
    async with call.uow() as tx:
        row = await handlers.replace(tx, Seal(call.context.settings), code, body.values(), call.if_match)
        return call.answer(AccountOut.of(row), etag=row["version"])


@router.post(
    "/{code}/callback-secrets",
    status_code=201,
    response_model=CallbackSecretOut,
    responses=documented(NotFound, *DENIED),
)
async def rotate(code: Code, call: WRITE) -> Response:
    """A new secret for the courier's signed callbacks. The one before stays valid until the next is made."""
    async with call.uow() as tx:
        secret = await handlers.new_callback_secret(tx, Seal(call.context.settings), code)
        return call.answer(CallbackSecretOut(secret=secret), status=201, told_once="secret")
