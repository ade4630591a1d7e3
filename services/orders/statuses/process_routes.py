"""How statuses work together, over HTTP: the library, what may follow what, and how they are used at all."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.statuses import StatusTrack
from libs.service.call import Body, Call, needs
from libs.service.problems import Invalid, NotFound, Stale, documented
from services.orders.statuses import handlers, store
from services.orders.statuses.domain import MODES, Mode
from services.orders.statuses.library import BLANK, Process, processes

router = APIRouter(prefix="/v1/statuses", tags=["statuses"])
Reads = Annotated[Call, needs("orders:read")]
Writes = Annotated[Call, needs("settings:write")]
Name = Annotated[str, Field(min_length=1, max_length=40, description="A mnemonic or an id.")]


class ProcessOut(BaseModel):
    """A ready-made process, as it is installed."""

    code: str
    title: str
    about: str
    statuses: list[dict[str, Any]]
    transitions: dict[str, list[tuple[str | None, str]]]
    rules: list[dict[str, Any]]


class InstalledOut(BaseModel):
    """What was added; what was there already stayed as it was."""

    statuses: list[str]
    rules: list[str]


class MoveIn(Body):
    """One status may follow another."""

    model_config = ConfigDict(populate_by_name=True)

    before: Name | None = Field(None, alias="from", description="Null: an order without a status on this track.")
    to: Name


class MovesIn(Body):
    """What may follow what; empty: everything may."""

    moves: Annotated[list[MoveIn], Field(max_length=5000)]


class MoveOut(BaseModel):
    """One status may follow another, by mnemonic."""

    model_config = ConfigDict(populate_by_name=True)

    before: str | None = Field(alias="from")
    to: str


class MovesOut(BaseModel):
    """What may follow what on a track; empty: everything may."""

    track: StatusTrack
    moves: list[MoveOut]

    @classmethod
    def of(cls, track: StatusTrack, moves: list[tuple[str | None, str]]) -> "MovesOut":
        """From pairs of mnemonics."""
        return cls(track=track, moves=[MoveOut(before=before, to=to) for before, to in moves])


class UseIn(Body):
    """How statuses are used here."""

    mode: Mode


class UseOut(BaseModel):
    """How statuses are used here, and what that means."""

    mode: Mode
    meaning: str
    version: int
    modes: dict[Mode, str] = MODES


def _process(code: str) -> Process:
    found = processes().get(code)
    if found is None:
        raise NotFound(f"the library has {', '.join(processes())}")
    return found


def _out(process: Process) -> ProcessOut:
    return ProcessOut.model_validate(process, from_attributes=True)


@router.get("/library")
async def library(_: Reads) -> list[ProcessOut]:
    """Ready-made processes to begin with."""
    return [_out(process) for process in processes().values()]


@router.get("/library/blank")
async def blank_status(_: Reads) -> dict[str, Any]:
    """A status to begin with when nothing of the library is wanted."""
    return BLANK


@router.get("/library/{code}", responses=documented(NotFound))
async def library_process(code: str, _: Reads) -> ProcessOut:
    """One ready-made process."""
    return _out(_process(code))


@router.post("/library/{code}/install", response_model=InstalledOut, responses=documented(NotFound))
async def install_process(code: str, call: Writes) -> Response:
    """Add what of a process is not there yet; installing it again changes nothing."""
    process = _process(code)
    async with call.uow() as tx:
        return call.answer(InstalledOut.model_validate(await handlers.install(tx, process)))


@router.get("/transitions/{track}", response_model=MovesOut)
async def transitions(track: StatusTrack, call: Reads) -> Response:
    """What may follow what on a track; nothing: everything may."""
    async with call.read() as tx:
        return _moves(call, track, await handlers.named_transitions(tx, track))


@router.put("/transitions/{track}", response_model=MovesOut, responses=documented(Invalid))
async def set_transitions(track: StatusTrack, body: MovesIn, call: Writes) -> Response:
    """Say what may follow what on a track, all of it; an empty list lets everything follow."""
    async with call.uow() as tx:
        moves = await handlers.set_transitions(tx, track, [(move.before, move.to) for move in body.moves])
        return _moves(call, track, moves)


def _moves(call: Call, track: StatusTrack, moves: list[tuple[str | None, str]]) -> Response:
    return call.answer(MovesOut.of(track, moves).model_dump(mode="json", by_alias=True))


@router.get("/settings", response_model=UseOut)
async def status_settings(call: Reads) -> Response:
    """How statuses are used here."""
    async with call.read() as tx:
        mode, version = await store.mode(tx)
        return call.answer(UseOut(mode=mode, meaning=MODES[mode], version=version), etag=version)


@router.put("/settings", response_model=UseOut, responses=documented(Stale, Invalid))
async def set_status_settings(body: UseIn, call: Writes) -> Response:
    """Switch statuses off, or use them for the desk alone, for customers alone, or for both."""
    async with call.uow() as tx:
        version = await handlers.set_mode(tx, body.mode, call.if_match)
        return call.answer(UseOut(mode=body.mode, meaning=MODES[body.mode], version=version), etag=version)
