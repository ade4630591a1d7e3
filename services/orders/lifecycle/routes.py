"""What a person does to an order over HTTP."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from libs.contracts.orders import CancelReason, HoldKind, Lifecycle
from libs.service.call import Body, Call, needs
from libs.service.problems import Conflict, NotFound, Stale, documented
from services.orders.lifecycle import handlers, store
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.handlers import AtALoss, NotCancellable, NotConfirmed, NotHeld
from services.orders.lifecycle.out import HoldOut, SummaryOut

router = APIRouter(prefix="/v1/orders/{order_id}", tags=["orders"])
Writes = Annotated[Call, needs("orders:write")]
Reads = Annotated[Call, needs("orders:read")]
Why = Annotated[str, Field(min_length=1, max_length=500, description="For colleagues; no personal data.")]


class PersonsReason(StrEnum):
    """Why a person cancels."""

    CUSTOMER = "customer"
    SHOP = "shop"
    FRAUD = "fraud"
    PAYMENT_FAILED = "payment_failed"


class PersonsHold(StrEnum):
    """Why a person holds an order."""

    MANUAL = "manual"
    FRAUD = "fraud"
    PAID_LATE = "paid_late"
    UNDELIVERED = "undelivered"
    CONTRADICTION = "contradiction"


class CancelIn(Body):
    """Why it is cancelled."""

    reason: PersonsReason = PersonsReason.SHOP


class HoldIn(Body):
    """Why it may not go on."""

    kind: PersonsHold = PersonsHold.MANUAL
    reason: Why


class ReleaseIn(Body):
    """Which kind of hold is lifted."""

    kind: HoldKind
    reason: Why | None = None


class ReleaseOneIn(Body):
    """Why it may go on."""

    reason: Why | None = None


class HoldsOut(BaseModel):
    """All holds of an order, the oldest first; those that stand have no `lifted_at`."""

    version: int
    items: list[HoldOut]


def _answer(call: Call, order: Order, status: int = 200) -> Response:
    if order.stopped_at_loss:
        return call.refuse(AtALoss(headers={"ETag": f'"{order.version}"'}))
    return call.answer(SummaryOut.of_order(order), status=status, etag=order.version)


@router.post(
    "/cancel",
    response_model=SummaryOut,
    responses={
        202: {"model": SummaryOut, "description": "Shipping is asked whether it can still be stopped."},
        **documented(NotFound, NotCancellable, Stale),
    },
)
async def cancel(order_id: UUID, body: CancelIn, call: Writes) -> Response:
    """Cancel an order: at once while it is open (200), by asking shipping once it is confirmed (202)."""
    async with call.uow() as tx:
        order = await handlers.cancel_order(tx, order_id, CancelReason(body.reason), call.if_match)
        return _answer(call, order, 200 if order.lifecycle is Lifecycle.CANCELLED else 202)


@router.post("/hold", response_model=SummaryOut, responses=documented(NotFound, Conflict, Stale))
async def hold(order_id: UUID, body: HoldIn, call: Writes) -> Response:
    """Hold an order: nothing new is booked or handed over until it is released."""
    async with call.uow() as tx:
        order = await handlers.hold_order(tx, order_id, HoldKind(body.kind), body.reason, call.if_match)
        return _answer(call, order)


@router.post("/release-hold", response_model=SummaryOut, responses=documented(NotFound, NotHeld, AtALoss, Stale))
async def release(order_id: UUID, body: ReleaseIn, call: Writes) -> Response:
    """Lift every hold of a kind; the order goes on where nothing else holds it."""
    async with call.uow() as tx:
        return _answer(call, await handlers.release_order(tx, order_id, body.kind, call.if_match, body.reason))


@router.get("/holds", response_model=HoldsOut, responses=documented(NotFound))
async def holds(order_id: UUID, call: Reads) -> Response:
    """Why an order may not go on, or once could not: each hold with its kind, reason and who placed and lifted it."""
    async with call.read() as tx:
        order = await store.read(tx, order_id)
    if order is None:
        raise NotFound("there is no such order")
    items = [HoldOut.model_validate(hold, from_attributes=True) for hold in order.holds]
    return call.answer(HoldsOut(version=order.version, items=items), etag=order.version)


@router.post(
    "/holds/{hold_id}/release", response_model=SummaryOut, responses=documented(NotFound, NotHeld, AtALoss, Stale)
)
async def release_one(order_id: UUID, hold_id: UUID, body: ReleaseOneIn, call: Writes) -> Response:
    """Lift one hold; the order goes on where nothing else holds it."""
    async with call.uow() as tx:
        return _answer(call, await handlers.release_hold(tx, order_id, hold_id, call.if_match, body.reason))


@router.post("/ready", response_model=SummaryOut, responses=documented(NotFound, NotConfirmed, Stale))
async def ready(order_id: UUID, call: Writes) -> Response:
    """Say that the parcel may be booked now."""
    async with call.uow() as tx:
        return _answer(call, await handlers.make_ready(tx, order_id, call.if_match))
