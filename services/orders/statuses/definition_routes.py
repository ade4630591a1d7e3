"""Statuses as data, over HTTP: invented, changed, archived, put in order, taken from the library."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field, StringConstraints, field_validator

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Invalid, NotFound, Stale, documented
from libs.service.texts import VARIABLES, unknown
from services.orders.statuses import handlers, store
from services.orders.statuses.domain import MEANING, Definition
from services.orders.statuses.handlers import MnemonicTaken, Written

router = APIRouter(prefix="/v1/statuses", tags=["statuses"])
Reads = Annotated[Call, needs("orders:read")]
Writes = Annotated[Call, needs("settings:write")]
Mnemonic = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
MAX_NAME, MAX_MESSAGE, MAX_SMS = 80, 2000, 612
KNOWN = ", ".join(sorted(VARIABLES))


class TextIn(Body):
    """What a status says in one language; message and SMS may name variables, such as {order_number}."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    message: Annotated[str, Field(min_length=1, max_length=MAX_MESSAGE)] | None = None
    sms: Annotated[str, Field(min_length=1, max_length=MAX_SMS)] | None = None

    @field_validator("name", "message", "sms")
    @classmethod
    def _names_what_there_is(cls, value: str | None) -> str | None:
        if value and (strange := unknown(value)):
            raise ValueError(f"{', '.join(strange)} is no variable; there are {KNOWN}; a brace is written twice")
        return value


class ActionsIn(Body):
    """What happens when it is applied, unless the operator says otherwise for one use."""

    publish: bool = False
    mail: bool = False
    sms: bool = False
    invoice: bool = False


class StatusIn(Body):
    """A status as the shop wants it."""

    mnemonic: Mnemonic = Field(description="For staff and programs; customers never see it.")
    track: StatusTrack = StatusTrack.ORDER
    type: StatusType = Field(StatusType.CUSTOM, description="What it means to the system: GET /v1/statuses/types.")
    colour: Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#475569"
    indicator: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")] | None = Field(
        None, description="Set on the order when the status is applied; it stays until another status sets one."
    )
    actions: ActionsIn = Field(default_factory=ActionsIn)
    texts: Annotated[dict[Language, TextIn], Field(min_length=1, max_length=50)] = Field(
        description="By language (BCP 47)."
    )

    @field_validator("texts")
    @classmethod
    def _one_text_a_language(cls, value: dict[str, TextIn]) -> dict[str, TextIn]:
        if len({tag.lower() for tag in value}) != len(value):
            raise ValueError("names a language twice")
        return value


class StatusTextOut(BaseModel):
    """What it says in one language."""

    name: str
    message: str | None
    sms: str | None


class Warned(BaseModel):
    """What is allowed and yet may not be meant."""

    field: str
    detail: str


class StatusOut(BaseModel):
    """A status as the shop invented it."""

    id: UUID
    version: int
    mnemonic: str
    track: StatusTrack
    type: StatusType
    colour: str
    text_colour: str = Field(description="Black or white, whichever reads better on the colour.")
    indicator: str | None
    actions: StatusActions
    position: int
    archived: bool
    texts: dict[str, StatusTextOut]

    @classmethod
    def of(cls, definition: Definition) -> "StatusOut":
        """From a definition."""
        names = ("id", "version", "mnemonic", "track", "type", "colour", "text_colour", "indicator", "actions")
        texts = {
            tag: StatusTextOut(name=text.name, message=text.message, sms=text.sms)
            for tag, text in definition.texts.items()
        }
        given = {name: getattr(definition, name) for name in (*names, "position", "archived")}
        return cls(**given, texts=texts)


class WrittenOut(StatusOut):
    """A status as it is now, with what somebody should look at."""

    warnings: list[Warned] = []

    @classmethod
    def written(cls, written: Written) -> "WrittenOut":
        """From what was written."""
        given = StatusOut.of(written.definition).model_dump()
        return cls(**given, warnings=[Warned(**each) for each in written.warnings])


class TypeOut(BaseModel):
    """What a type of status means, and what applying a status of it does."""

    type: StatusType
    meaning: str
    effect: str


class OrderIn(Body):
    """The statuses as lists should show them."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=5000)]


class AllOut(BaseModel):
    """Every status, in the order of lists."""

    items: list[StatusOut]


def _answer(call: Call, written: Written, status: int = 200) -> Response:
    return call.answer(WrittenOut.written(written), status=status, etag=written.definition.version)


@router.post("", status_code=201, response_model=WrittenOut, responses=documented(MnemonicTaken, Invalid))
async def add_status(body: StatusIn, call: Writes) -> Response:
    """Invent a status."""
    async with call.uow() as tx:
        return _answer(call, await handlers.add(tx, body.model_dump()), 201)


@router.get("", response_model=Page[StatusOut], responses=documented(Invalid))
async def statuses(
    call: Reads,
    track: StatusTrack | None = None,
    type: StatusType | None = None,  # noqa: A002 - the field's word
    archived: Annotated[Literal["true", "false", "all"], Query()] = "false",
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """Statuses, in the order of lists; archived ones only where asked for."""
    place = decode(after, (int, UUID))
    shown = {"true": True, "false": False}.get(archived)
    async with call.look() as tx:
        rows = await store.page(tx, track, type, shown, (place[0], place[1]) if place else None, limit + 1)
    return page_of([StatusOut.of(row) for row in rows], limit, lambda row: encode(row.position, row.id))


@router.get("/types")
async def status_types(_: Reads) -> list[TypeOut]:
    """What each type means, and what applying a status of it does."""
    return [TypeOut(type=kind, meaning=meaning, effect=effect) for kind, (meaning, effect) in MEANING.items()]


@router.put("/order", response_model=AllOut, responses=documented(Invalid))
async def reorder_statuses(body: OrderIn, call: Writes) -> Response:
    """Put statuses in the order in which lists show them; those not named follow as they stood."""
    async with call.uow() as tx:
        rows = await handlers.reorder(tx, body.ids)
        return call.answer(AllOut(items=[StatusOut.of(row) for row in rows]))


@router.get("/{status_id}", response_model=StatusOut, responses=documented(NotFound))
async def status(status_id: UUID, call: Reads) -> Response:
    """One status."""
    async with call.look() as tx:
        found = await store.definition(tx, status_id)
    if found is None:
        raise NotFound("there is no such status")
    return call.answer(StatusOut.of(found), etag=found.version)


@router.put("/{status_id}", response_model=WrittenOut, responses=documented(NotFound, MnemonicTaken, Stale, Invalid))
async def change_status(status_id: UUID, body: StatusIn, call: Writes) -> Response:
    """Change a status; its track stays. Histories show its present words; what was sent stays sent."""
    async with call.uow() as tx:
        return _answer(call, await handlers.change(tx, status_id, body.model_dump(), call.if_match))


@router.post("/{status_id}/archive", response_model=WrittenOut, responses=documented(NotFound, Stale))
async def archive_status(status_id: UUID, call: Writes) -> Response:
    """Take a status out of use: it can be applied no more, and stays where it stands."""
    async with call.uow() as tx:
        return _answer(call, await handlers.archive(tx, status_id, call.if_match, archived=True))


@router.post("/{status_id}/unarchive", response_model=WrittenOut, responses=documented(NotFound, Stale))
async def unarchive_status(status_id: UUID, call: Writes) -> Response:
    """Take an archived status into use again."""
    async with call.uow() as tx:
        return _answer(call, await handlers.archive(tx, status_id, call.if_match, archived=False))
