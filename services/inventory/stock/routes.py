"""HTTP: stock levels, pushed figures, receipts, and the ledger."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from libs.contracts.common import Quantity
from libs.events.transaction import Transaction, new_id
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, KeyReused, Unauthenticated, documented
from services.inventory.bulk import in_chunks
from services.inventory.catalogue import store as catalogue
from services.inventory.stock import handlers, store
from services.inventory.stock.domain import Level, Place

router = APIRouter(prefix="/v1/stock", tags=["stock"])

AText = Annotated[str, Field(min_length=1, max_length=100)]
Number = Annotated[str, Field(max_length=20, description='Decimal text with up to 3 decimals, such as "2" or "0.250".')]
SkuFilter = Annotated[str | None, Query(max_length=100)]
DepotFilter = Annotated[str | None, Query(max_length=50)]


class FigureIn(Body):
    """How many there are of an item in a depot."""

    sku: AText
    depot: AText
    on_hand: Number
    buffer: Number | None = None


class FiguresIn(Body):
    """Up to 10,000 figures, of one kind: `on_hand` counts everything that stands in the depot, promised or not."""

    kind: Literal["on_hand"] = "on_hand"
    figures: Annotated[list[FigureIn], Field(min_length=1, max_length=10_000)]


class RowOut(BaseModel):
    """What became of one row: `set`, `received`, `noop` or `refused` (with why); and the level as it is then."""

    sku: str
    depot: str
    result: str
    detail: str | None = None
    on_hand: Quantity | None = None
    reserved: Quantity | None = None
    available: Quantity | None = None


class RowsOut(BaseModel):
    """What became of each row, in the order given, and how many ended how."""

    results: list[RowOut]
    counts: dict[str, int]


class ReceiptLine(Body):
    """How much of an item came."""

    sku: AText
    quantity: Quantity


class ReceiptIn(Body):
    """Goods that came to a depot with a paper; the same reference never brings the same goods twice."""

    depot: AText
    reference: AText
    lines: Annotated[list[ReceiptLine], Field(min_length=1, max_length=1000)]


class LevelOut(BaseModel):
    """A level of one item in one depot."""

    sku: str
    depot: str
    on_hand: Quantity
    reserved: Quantity
    buffer: Quantity
    available: Quantity
    quarantine: Quantity
    version: int


class MovementOut(BaseModel):
    """An entry of the ledger: the sum of a level's entries is the level."""

    id: UUID
    sku: str
    depot: str
    kind: str
    bucket: str
    quantity: Quantity
    source: str
    reason: str | None
    actor: str
    at: datetime


def _row(place: Place, outcome: handlers.Outcome) -> dict[str, Any]:
    """A `RowOut` as JSON: thousands of them in a call are written without models."""
    row: dict[str, Any] = {
        "sku": place.sku,
        "depot": place.depot,
        "result": outcome.result,
        "detail": outcome.detail,
        "on_hand": None,
        "reserved": None,
        "available": None,
    }
    if (level := outcome.level) is not None:
        row["on_hand"] = Quantity(level.on_hand).text
        row["reserved"] = Quantity(level.reserved).text
        row["available"] = Quantity(level.available).text
    return row


def _rows(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A `RowsOut` as JSON."""
    return {"results": rows, "counts": dict(sorted(Counter(row["result"] for row in rows).items()))}


def _parsed(text: str) -> int:
    quantity = Quantity.parse(text)
    if quantity < 0:
        raise ValueError("it is not negative")
    return int(quantity)


@router.put(
    "/levels", response_model=RowsOut, responses=documented(Unauthenticated, Forbidden, Invalid, Conflict, KeyReused)
)
async def set_levels(body: FiguresIn, call: Annotated[Call, needs("stock:write")]) -> Response:
    """Set how many there are, by SKU and depot, in sorted chunks of 500; a refused row does not stop the others.

    A figure below what is reserved is taken: nothing is available then, and `work.stuck` names the newest orders that
    are not covered.
    """
    refused: dict[int, dict[str, Any]] = {}
    figures: dict[Place, handlers.Figure] = {}
    for number, row in enumerate(body.figures):
        place = Place(row.sku, row.depot)
        if place in figures:
            refused[number] = _row(place, handlers.Outcome("refused", "stands in this call twice"))
            continue
        try:
            buffer = None if row.buffer is None else _parsed(row.buffer)
            figures[place] = handlers.Figure(place, _parsed(row.on_hand), buffer)
        except ValueError as error:
            refused[number] = _row(place, handlers.Outcome("refused", str(error)))
    done = {}
    for each in await in_chunks(call, [figures[place] for place in sorted(figures)], _setting()):
        done[Place(each["sku"], each["depot"])] = each
    for wake in _loops(call):
        wake()  # once, not for each chunk; should the call break before, they look within a second
    rows = [
        refused[number] if number in refused else done[Place(row.sku, row.depot)]
        for number, row in enumerate(body.figures)
    ]
    return call.answer(_rows(rows))


def _setting() -> Any:
    """Set a chunk of figures."""
    push = new_id()

    async def work(tx: Transaction, figures: Sequence[handlers.Figure]) -> list[dict[str, Any]]:
        known = await catalogue.known_skus(tx, {figure.place.sku for figure in figures})
        accepted = [figure for figure in figures if figure.place.sku in known]
        done = dict(zip(accepted, await handlers.set_figures(tx, accepted, push), strict=True))
        strange = handlers.Outcome("refused", "there is no item with this SKU")
        return [_row(figure.place, done.get(figure, strange)) for figure in figures]

    return work


def _loops(call: Call) -> tuple[Callable[[], None], ...]:
    """What wakes those who wait for goods, and who publishes."""
    return call.context.wake["waiting"].set, call.context.wake["availability"].set


@router.post(
    "/receipts",
    response_model=RowsOut,
    responses=documented(Unauthenticated, Forbidden, Invalid, Conflict, KeyReused),
)
async def receive(body: ReceiptIn, call: Annotated[Call, needs("stock:write")]) -> Response:
    """Take goods in. What a reference brought before is a `noop`; lines of one SKU are summed."""
    quantities: Counter[str] = Counter()
    for number, line in enumerate(body.lines):
        if line.quantity <= 0:
            raise Invalid("more than nothing", field=f"lines[{number}].quantity")
        quantities[line.sku] += line.quantity
    async with call.uow() as tx:
        if body.depot not in {depot.code for depot in await catalogue.all_depots(tx)}:
            raise Invalid(f"there is no depot {body.depot}", field="depot")
        known = await catalogue.known_skus(tx, quantities)
        accepted = {sku: quantity for sku, quantity in quantities.items() if sku in known}
        done = await handlers.receive(tx, body.depot, accepted, body.reference) if accepted else {}
        handlers.wake_after(tx, *_loops(call))
        strange = handlers.Outcome("refused", "there is no item with this SKU")
        rows = [_row(Place(line.sku, body.depot), done.get(line.sku, strange)) for line in body.lines]
        return call.answer(_rows(rows))


@router.get("/levels", response_model=Page[LevelOut], responses=documented(Unauthenticated, Forbidden, Invalid))
async def list_levels(
    call: Annotated[Call, needs("stock:read")],
    sku: SkuFilter = None,
    depot: DepotFilter = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Levels by SKU and depot."""
    async with call.look() as tx:
        rows = await store.page_of_levels(tx, sku, depot, decode(after, (str, str)), limit)
    page = page_of(rows, limit, lambda level: encode(level.sku, level.depot))
    return call.answer(Page[LevelOut](items=[_level(level) for level in page.items], next=page.next))


def _level(level: Level) -> LevelOut:
    numbers = {
        name: Quantity(getattr(level, name)) for name in ("on_hand", "reserved", "buffer", "available", "quarantine")
    }
    return LevelOut(sku=level.sku, depot=level.depot, version=level.version, **numbers)


@router.get("/movements", response_model=Page[MovementOut], responses=documented(Unauthenticated, Forbidden, Invalid))
async def list_movements(
    call: Annotated[Call, needs("stock:read")],
    sku: SkuFilter = None,
    depot: DepotFilter = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """The ledger, newest first: why every level is what it is."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows = await store.page_of_movements(tx, sku, depot, place[0] if place else None, limit)
    page = page_of(rows, limit, lambda row: encode(row["id"]))
    items = [MovementOut(**(row | {"quantity": Quantity(row["quantity"])})) for row in page.items]
    return call.answer(Page[MovementOut](items=items, next=page.next))
