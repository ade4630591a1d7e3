"""HTTP: items and depots."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from libs.contracts.common import Money, Quantity
from libs.events.transaction import Transaction
from libs.service.call import Body, Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, FieldError, Forbidden, Invalid, NotFound, Stale, Unauthenticated, documented
from services.inventory.bulk import in_chunks
from services.inventory.catalogue import handlers, store
from services.inventory.catalogue.domain import Item

router = APIRouter(prefix="/v1", tags=["catalogue"])

Code = Annotated[
    str, Path(min_length=1, max_length=50, pattern=r"^[a-z0-9][a-z0-9_-]*$", description="A depot's code.")
]
Sku = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")]
ReadProblems = documented(Unauthenticated, Forbidden, Invalid)


class DepotIn(Body):
    """What may be said about a depot; what is not said stays."""

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    priority: Annotated[int, Field(ge=0, le=1_000_000, description="The lowest is asked first.")] | None = None
    buffer: Annotated[Quantity | None, Field(description="Never sold, of an item that is new in the depot.")] = None
    active: bool | None = None


class DepotOut(BaseModel):
    """A place that holds goods."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    name: str
    priority: int
    buffer: Quantity
    active: bool
    version: int


class DepotsOut(BaseModel):
    """Every depot, by priority."""

    items: list[DepotOut]


class ItemIn(Body):
    """An item by its SKU; what is not said of a known one stays, null takes away."""

    sku: Sku
    name: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    ean: Annotated[str, Field(pattern=r"^[0-9]{8,14}$")] | None = None
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    weight_g: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    unit_cost: Money | None = None
    archived: bool | None = None


class ItemsIn(Body):
    """Up to 10,000 items."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=10_000)]


class UpsertedOut(BaseModel):
    """What became of one item: `created`, `changed` (with the members that changed), `noop` or `refused` (with why)."""

    sku: str
    result: str
    changed: list[str]
    detail: str | None = None


class ItemsUpserted(BaseModel):
    """What became of each item, in the order given, and how many ended how."""

    results: list[UpsertedOut]
    counts: dict[str, int]


class ItemOut(BaseModel):
    """Something that can be in stock."""

    model_config = ConfigDict(from_attributes=True)

    sku: str
    name: str
    ean: str | None
    unit: str
    weight_g: int | None
    unit_cost: Money | None
    archived: bool
    version: int


def _depot(depot: Any) -> DepotOut:
    members = {name: getattr(depot, name) for name in DepotOut.model_fields}
    return DepotOut(**(members | {"buffer": Quantity(depot.buffer)}))


@router.get("/depots", response_model=DepotsOut, responses=ReadProblems)
async def list_depots(call: Annotated[Call, needs("stock:read")]) -> Response:
    """Every depot, by priority."""
    async with call.look() as tx:
        depots = await store.all_depots(tx)
    return call.answer(DepotsOut(items=[_depot(depot) for depot in depots]))


@router.get(
    "/depots/{code}", response_model=DepotOut, responses=documented(Unauthenticated, Forbidden, NotFound, Invalid)
)
async def show_depot(code: Code, call: Annotated[Call, needs("stock:read")]) -> Response:
    """One depot."""
    async with call.read() as tx:
        depot = await store.locked_depot(tx, code)
    if depot is None:
        raise NotFound
    return call.answer(_depot(depot), etag=depot.version)


@router.put(
    "/depots/{code}",
    response_model=DepotOut,
    responses={201: {"model": DepotOut}, **documented(Unauthenticated, Forbidden, Invalid, Conflict, Stale)},
)
async def put_depot(code: Code, body: DepotIn, call: Annotated[Call, needs("settings:write")]) -> Response:
    """Make a depot, or change it. One that is not active keeps its goods and promises, and is asked for nothing new."""
    said = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
    if said.get("buffer", 0) < 0:
        raise Invalid("a buffer is not negative", field="buffer")
    async with call.uow() as tx:
        depot, is_new = await handlers.put_depot(tx, code, said, call.if_match)
        return call.answer(_depot(depot), status=201 if is_new else 200, etag=depot.version)


@router.post(
    "/items/bulk", response_model=ItemsUpserted, responses=documented(Unauthenticated, Forbidden, Invalid, Conflict)
)
async def upsert_items(body: ItemsIn, call: Annotated[Call, needs("stock:write")]) -> Response:
    """Make or change items by SKU, in sorted chunks of 500; sent again it changes nothing."""
    said: dict[str, dict[str, Any]] = {}
    wrong = []
    for number, item in enumerate(body.items):
        if item.sku in said:
            wrong.append(FieldError(f"items[{number}].sku", f"{item.sku} stands in this call twice"))
        if item.unit_cost is not None and item.unit_cost.minor < 0:
            wrong.append(FieldError(f"items[{number}].unit_cost", "a cost is not negative"))
        said[item.sku] = {name: getattr(item, name) for name in item.model_fields_set - {"sku"}}
        for name in ("name", "unit", "archived"):
            if said[item.sku].get(name, "") is None:
                del said[item.sku][name]  # cannot be taken away
    if wrong:
        raise Invalid(wrong[0].detail, errors=wrong[:50])

    async def work(tx: Transaction, skus: Sequence[str]) -> list[dict[str, Any]]:
        done = await handlers.upsert_items(tx, {sku: said[sku] for sku in skus})
        return [UpsertedOut(**each_members(each)).model_dump() for each in done]

    outcomes = {each["sku"]: each for each in await in_chunks(call, sorted(said), work)}
    results = [UpsertedOut(**outcomes[item.sku]) for item in body.items]
    return call.answer(ItemsUpserted(results=results, counts=counted([each.result for each in results])))


def each_members(outcome: handlers.Upserted) -> dict[str, Any]:
    """An outcome as the wire has it."""
    return {
        "sku": outcome.sku,
        "result": outcome.result,
        "changed": list(outcome.changed),
        "detail": outcome.detail,
    }


def counted(results: Sequence[str]) -> dict[str, int]:
    """How many ended how."""
    return {result: results.count(result) for result in sorted(set(results))}


@router.get("/items", response_model=Page[ItemOut], responses=ReadProblems)
async def list_items(call: Annotated[Call, needs("stock:read")], after: After = None, limit: Limit = 50) -> Response:
    """Items by SKU."""
    place = decode(after, (str,))
    async with call.look() as tx:
        rows = await store.page_of_items(tx, place[0] if place else None, limit)
    page: Page[Item] = page_of(rows, limit, lambda item: encode(item.sku))
    return call.answer(Page[ItemOut](items=[ItemOut.model_validate(item) for item in page.items], next=page.next))


@router.get("/items/{sku}", response_model=ItemOut, responses=documented(Unauthenticated, Forbidden, NotFound, Invalid))
async def show_item(
    sku: Annotated[str, Path(min_length=1, max_length=100)], call: Annotated[Call, needs("stock:read")]
) -> Response:
    """One item."""
    async with call.look() as tx:
        item = await store.item(tx, sku)
    if item is None:
        raise NotFound
    return call.answer(ItemOut.model_validate(item), etag=item.version)
