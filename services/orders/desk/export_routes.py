"""The list of orders as a file for a spreadsheet, sent while it is read."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from libs.service.call import Call, needs
from libs.service.problems import Invalid, documented
from services.orders.desk.export import HEAD, Export
from services.orders.desk.following.account import language_of
from services.orders.desk.list_routes import Narrowed, Tag
from services.orders.desk.lists import Direction, Sort
from services.orders.desk.sheets import Csv, Sheet, Xlsx
from services.orders.statuses.domain import FALLBACK

router = APIRouter(prefix="/v1/orders", tags=["orders"])
Reads = Annotated[Call, needs("orders:read")]


class Exported(Narrowed):
    """A list as a file: whole, so that there are no pages to ask for."""

    sort: Sort = "placed"
    direction: Direction = "desc"
    language: Tag | None = Field(None, description="Of what statuses are called; else Accept-Language's.")


class ExportedCsv(Exported):
    """The same as CSV."""

    bom: bool = Field(default=False, description="Begin with the mark by which some spreadsheets know UTF-8.")


def _documented(sheet: Sheet) -> dict[int | str, dict[str, Any]]:
    content = {sheet.media_type.split(";", maxsplit=1)[0]: {"schema": {"type": "string", "format": "binary"}}}
    return {200: {"content": content, "description": "Every order of the list."}, **documented(Invalid)}


@router.get("/export.csv", response_class=Response, responses=_documented(Csv()))
async def as_csv(
    call: Reads,
    asked: Annotated[ExportedCsv, Query()],
) -> Response:
    """Every order of a list as CSV (RFC 4180, UTF-8). What a spreadsheet could take for a formula is text."""
    return await _file(call, asked, Csv(bom=asked.bom))


@router.get("/export.xlsx", response_class=Response, responses=_documented(Xlsx()))
async def as_xlsx(call: Reads, asked: Annotated[Exported, Query()]) -> Response:
    """Every order of a list as XLSX: amounts are numbers, times are times, nothing is a formula."""
    return await _file(call, asked, Xlsx())


async def _file(call: Call, asked: Exported, sheet: Sheet) -> Response:
    async with call.read() as tx:
        filters = await asked.filters(tx)  # what is wrong is said before anything is sent
    told = language_of(call, asked.language, FALLBACK)
    export = Export(call.context.uow, call.cause, filters, asked.sort, asked.direction, told)
    named = {"Content-Disposition": f'attachment; filename="orders.{sheet.extension}"', "Cache-Control": "no-store"}
    return StreamingResponse(_sent(sheet, export), headers=named, media_type=sheet.media_type)


async def _sent(sheet: Sheet, export: Export) -> AsyncIterator[bytes]:
    async for piece in sheet.file("orders", HEAD, export.rows()):
        if piece:
            yield piece
