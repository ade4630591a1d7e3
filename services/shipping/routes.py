"""The HTTP edge of shipments: see them, book them, print their labels, scan their parcels."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from libs.contracts.shipping import ShipmentState
from libs.events.transaction import Transaction
from libs.service.call import Body, Call, Moment, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, documented
from services.shipping import handlers, store, waiting
from services.shipping.accounts import store as accounts
from services.shipping.domain import Fulfilment
from services.shipping.labels.handlers import ask_for_label, stored_label
from services.shipping.shipment import Shipment
from services.shipping.tracking import handlers as tracking
from services.shipping.tracking import store as tracking_store
from services.shipping.tracking.domain import FIRST, Seen, Status
from services.shipping.views import FulfilmentOut, ShipmentDetail, ShipmentOut, TrackingEventOut

router = APIRouter(tags=["shipments"])
READ = Annotated[Call, needs("shipments:read")]
WRITE = Annotated[Call, needs("shipments:write")]
DENIED = (Unauthenticated, Forbidden)
AT_COURIER: dict[int | str, dict[str, Any]] = {
    202: {"description": "The courier has not answered yet: look at `Location` later."}
}


AHEAD = timedelta(minutes=5)
LABELS = {"pdf": "application/pdf", "zpl": "application/zpl"}


class BookIn(Body):
    """How to book, where it is not as the delivery method says."""

    account: str | None = Field(default=None, max_length=40, description="A courier account instead of the method's.")
    parcels: int | None = Field(default=None, ge=1, le=20, description="How many parcels; 1 unless said.")
    weight_g: int | None = Field(default=None, ge=1, le=1_000_000, description="The weight as packed.")


class ScanIn(Body):
    """What was seen: a parcel of the own fleet moved, or (`delivered`) a customer picked the goods up."""

    status: Literal[
        "picked_up", "in_transit", "out_for_delivery", "ready_for_pickup", "delivered", "failed_attempt", "returning",
        "returned", "lost",
    ]  # fmt: skip
    occurred_at: Moment | None = Field(default=None, description="Now unless said.")
    location: str = Field(default="", max_length=200)
    text: str = Field(default="", max_length=500)


@router.get("/v1/shipments", responses=documented(Invalid, *DENIED))
async def shipments(
    call: READ,
    order_id: UUID | None = None,
    state: Annotated[ShipmentState | None, Query()] = None,
    after: After = None,
    limit: Limit = 50,
) -> Page[ShipmentOut]:
    """Shipments, newest first."""
    place = decode(after, (UUID,))
    async with call.look() as tx:
        rows, lines = await store.page(tx, order_id, state, place[0] if place else None, limit + 1)
    found = [ShipmentOut.of(store.shipment(row, lines), row["order_id"]) for row in rows]
    return page_of(found, limit, lambda each: encode(each.id))


@router.get("/v1/shipments/{shipment_id}", responses=documented(NotFound, *DENIED))
async def shipment(shipment_id: UUID, call: READ) -> ShipmentDetail:
    """One shipment with its tracking events."""
    async with call.read() as tx:
        found, each = await _found(tx, shipment_id)
        events = await tracking_store.events(tx, shipment_id)
    told = [TrackingEventOut(**dict(row)) for row in events]
    return ShipmentDetail(**ShipmentOut.of(each, found.order_id).model_dump(), events=told)


@router.get("/v1/fulfilments/{order_id}", responses=documented(NotFound, *DENIED))
async def fulfilment(order_id: UUID, call: READ, response: Response) -> FulfilmentOut:
    """All shipments of an order."""
    async with call.look() as tx:
        found = await store.fulfilment(tx, order_id)
    if found is None:
        raise NotFound
    response.headers["ETag"] = f'"{found.version}"'
    return FulfilmentOut.of(found)


@router.post(
    "/v1/shipments/{shipment_id}/book",
    response_model=ShipmentOut,
    responses={**documented(NotFound, Conflict, Invalid, *DENIED), **AT_COURIER},
)
async def book(shipment_id: UUID, body: BookIn, call: WRITE) -> Response:
    """Send order and delivery data to the courier, answer with the AWB; booked already: with the one there is."""
    async with call.uow() as tx:
        order_id = await _order_of(tx, shipment_id)
        done = await _ask(tx, order_id, shipment_id, body)
        out = ShipmentOut.of(done.shipment(shipment_id), order_id)
        answer = call.answer(out, status=_status(out), headers={"Location": f"/v1/shipments/{shipment_id}"})
    if answer.status_code == 200:  # noqa: PLR2004
        return answer
    settled = await waiting.outcome(call, lambda tx: _settled(tx, order_id, [shipment_id]))
    if settled is None:
        return answer
    return call.answer(ShipmentOut.of(settled.shipment(shipment_id), order_id))


@router.post(
    "/v1/fulfilments/{order_id}/book",
    response_model=FulfilmentOut,
    responses={**documented(NotFound, Conflict, Invalid, *DENIED), **AT_COURIER},
)
async def book_order(order_id: UUID, body: BookIn, call: WRITE) -> Response:
    """Book every shipment of an order that has no AWB yet, and answer with the AWBs."""
    async with call.uow() as tx:
        done = await _ask(tx, order_id, None, body)
        ids = [each.id for each in done.shipments]
        waits = any(_status(ShipmentOut.of(each, order_id)) != 200 for each in done.shipments)  # noqa: PLR2004
        headers = {"Location": f"/v1/fulfilments/{order_id}"}
        answer = call.answer(FulfilmentOut.of(done), status=202 if waits else 200, headers=headers)
    settled = await waiting.outcome(call, lambda tx: _settled(tx, order_id, ids)) if waits else None
    return answer if settled is None else call.answer(FulfilmentOut.of(settled))


@router.get(
    "/v1/shipments/{shipment_id}/label",
    response_class=Response,
    responses={
        **documented(NotFound, Conflict, Invalid, *DENIED),
        200: {"content": {kind: {} for kind in LABELS.values()}},
        **AT_COURIER,
    },
)
async def label(
    shipment_id: UUID,
    call: READ,
    size: Literal["A6", "A4"] = "A6",
    format_: Annotated[Literal["pdf", "zpl"], Query(alias="format", description="ZPL comes in A6.")] = "pdf",
) -> Response:
    """The label to print: our own for the own fleet, the courier's otherwise, fetched once."""
    if format_ == "zpl" and size != "A6":
        raise Invalid("a thermal printer takes A6", field="size")
    async with call.read() as tx:
        found, each = await _found(tx, shipment_id)
        if each.awb is None:
            raise Conflict("there is no AWB yet")
        content = await ask_for_label(tx, found, each, size, format_)
    if content is None:
        content = await waiting.outcome(call, lambda tx: stored_label(tx, each, size, format_))
    if content is None:
        where = f"/v1/shipments/{shipment_id}/label?size={size}&format={format_}"
        return Response(status_code=202, headers={"Location": where})
    name = f'inline; filename="{"".join(c for c in each.awb if c.isalnum())}-{size}.{format_}"'
    return Response(content, media_type=LABELS[format_], headers={"Content-Disposition": name})


@router.post(
    "/v1/shipments/{shipment_id}/events",
    response_model=ShipmentOut,
    responses=documented(NotFound, Conflict, Invalid, *DENIED),
)
async def scan(shipment_id: UUID, body: ScanIn, call: WRITE) -> Response:
    """Note what was seen of an own parcel, or that the customer picked the goods up. Parcels only move forward."""
    at = body.occurred_at or datetime.now(UTC)
    if not FIRST <= at <= datetime.now(UTC) + AHEAD:
        raise Invalid("nothing has been seen in the future, or in another century", field="occurred_at")
    seen = Seen("", body.status, Status(body.status), at, body.text, body.location)
    async with call.uow() as tx:
        order_id = await _order_of(tx, shipment_id)
        done = await tracking.scan(tx, order_id, shipment_id, seen)
        return call.answer(ShipmentOut.of(done.shipment(shipment_id), order_id))


async def _ask(tx: Transaction, order_id: UUID, shipment_id: UUID | None, body: BookIn) -> Fulfilment:
    courier = None
    if body.account is not None:
        account = await accounts.by_code(tx, body.account)
        if account is None or not account["active"]:
            raise Invalid("there is no such courier account in use", field="account")
        courier = account["courier"]
    packed = handlers.Packed(body.account, courier, body.parcels, body.weight_g)
    return await handlers.ask_to_book(tx, order_id, shipment_id, packed)


async def _order_of(tx: Transaction, shipment_id: UUID) -> UUID:
    order_id = await store.order_of_shipment(tx, shipment_id)
    if order_id is None:
        raise NotFound
    return order_id


async def _found(tx: Transaction, shipment_id: UUID) -> tuple[Fulfilment, Shipment]:
    found = await store.fulfilment(tx, await _order_of(tx, shipment_id))
    if found is None:
        raise NotFound
    return found, found.shipment(shipment_id)


async def _settled(tx: Transaction, order_id: UUID, shipments: list[UUID]) -> Fulfilment | None:
    found = await store.fulfilment(tx, order_id)
    if found is None or any(found.shipment(each).state is ShipmentState.BOOKING for each in shipments):
        return None
    return found


def _status(out: ShipmentOut) -> int:
    return 202 if out.state is ShipmentState.BOOKING else 200
