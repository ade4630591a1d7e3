"""The sample: a mug is made, renamed and read; an errand is a call to somebody outside."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, JsonValue
from pydantic_settings import SettingsConfigDict
from sqlalchemy import BigInteger
from sqlalchemy.orm import registry
from sqlmodel import Field as Column
from sqlmodel import SQLModel

from libs.events.consumer import Consumer
from libs.events.contract import Event
from libs.events.transaction import new_id
from libs.service import keys
from libs.service.call import Body, Call, check_version, needs, public
from libs.service.outside import DueColumns
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, NotFound, documented
from libs.service.service import Service
from libs.service.settings import ServiceSettings

MIB = 1024 * 1024


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_", frozen=True)


class Table(SQLModel, registry=registry()):
    pass


class Mug(Table, table=True):
    noun: ClassVar[str] = "mug"
    id: UUID = Column(default_factory=new_id, primary_key=True)
    fact_sequence: int = Column(default=0, sa_type=BigInteger)
    version: int = Column(default=1, sa_type=BigInteger)
    name: str


class Errand(Table, DueColumns, table=True):
    noun: ClassVar[str] = "errand"
    id: UUID = Column(default_factory=new_id, primary_key=True)
    fact_sequence: int = Column(default=0, sa_type=BigInteger)
    order_id: UUID | None = None
    what: str


class MugMade(Event):
    topic: ClassVar[str] = "mug.made"
    id: UUID
    name: str

    @property
    def key(self) -> str:
        return str(self.id)


class Handle(Body):
    turns: int


class MugIn(Body):
    name: Annotated[str, Field(min_length=1, max_length=100)]
    handles: tuple[Handle, ...] = ()
    attributes: dict[str, JsonValue] = Field(default_factory=dict)


class MugOut(BaseModel):
    id: UUID
    version: int
    name: str


router = APIRouter(prefix="/v1/mugs", tags=["mugs"])
pauses: dict[str, asyncio.Event] = {}
consumer = Consumer("sample")
keys.register(consumer)


def shown(row: Any) -> MugOut:
    return MugOut(id=row["id"], version=row["version"], name=row["name"])


@router.post("", status_code=201, response_model=MugOut, responses=documented(Conflict))
async def make_mug(body: MugIn, call: Annotated[Call, needs("stock:write")]) -> Response:
    """Make a mug."""
    async with call.uow() as tx:
        mug = Mug(name=body.name)
        tx.session.add(mug)
        await tx.emit(mug, MugMade(id=mug.id, name=mug.name))
        if body.name in pauses:
            await pauses[body.name].wait()
        if body.name == "refused":
            raise Conflict("no such mugs here")
        if body.name == "broken":
            raise ZeroDivisionError
        if body.name == "unanswered":
            return Response()
        return call.answer(
            MugOut.model_validate(mug, from_attributes=True),
            status=201,
            etag=mug.version,
            headers={"Location": f"/v1/mugs/{mug.id}"},
        )


@router.post("/batch", response_model=dict[str, int], max_body_size=4 * MIB)
async def make_batch(body: list[MugIn], call: Annotated[Call, needs("stock:write")]) -> Response:
    """Count mugs."""
    async with call.uow():
        return call.answer({"mugs": len(body)})


@router.get("")
async def list_mugs(call: Annotated[Call, needs("stock:read")], after: After = None, limit: Limit = 50) -> Page[MugOut]:
    """List mugs by name."""
    name, mug_id = decode(after, (str, UUID)) or (None, None)
    async with call.read() as tx:
        rows = await tx.sql.fetch(
            "SELECT * FROM mug WHERE $1::text IS NULL OR (name, id) > ($1, $2) ORDER BY name, id LIMIT $3",
            name,
            mug_id,
            limit + 1,
        )
    return page_of([shown(row) for row in rows], limit, lambda mug: encode(mug.name, mug.id))


@router.get("/{mug_id}", response_model=MugOut, responses=documented(NotFound))
async def read_mug(mug_id: UUID, call: Annotated[Call, needs("stock:read")]) -> Response:
    """Read a mug."""
    async with call.read() as tx:
        row = await tx.sql.fetchrow("SELECT * FROM mug WHERE id = $1", mug_id)
    if row is None:
        raise NotFound
    return call.answer(shown(row), etag=row["version"])


@router.put("/{mug_id}", response_model=MugOut, responses=documented(NotFound))
async def rename_mug(mug_id: UUID, body: MugIn, call: Annotated[Call, needs("stock:write")]) -> Response:
    """Rename a mug."""
    async with call.uow() as tx:
        row = await tx.sql.fetchrow("SELECT * FROM mug WHERE id = $1 FOR UPDATE", mug_id)
        if row is None:
            raise NotFound
        check_version(row["version"], call.if_match)
        row = await tx.sql.fetchrow(
            "UPDATE mug SET name = $2, version = version + 1 WHERE id = $1 RETURNING *", mug_id, body.name
        )
        return call.answer(shown(row), etag=row["version"])


@router.get("/open/door")
async def open_door(call: Annotated[Call, public()]) -> dict[str, str]:
    """Greet anybody."""
    return {"you": call.principal.actor, "cause": call.cause.actor}


@router.post("/secrets", response_model=dict[str, str])
async def refund_mug(call: Annotated[Call, needs("payments:refund")]) -> Response:
    """Do what a manager may."""
    async with call.uow():
        return call.answer({"actor": call.principal.actor})


sample = Service(
    name="sample",
    settings=Settings,
    routers=(router,),
    consumer=consumer,
    migrations=Path(__file__).parent / "migrations",
)
