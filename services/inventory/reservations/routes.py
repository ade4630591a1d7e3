"""HTTP: what is promised to which order."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from libs.contracts.inventory import ReservationSnapshot, ReservationState
from libs.service.call import Call, needs
from libs.service.paging import After, Limit, Page, decode, encode, page_of
from libs.service.problems import Forbidden, Invalid, NotFound, Unauthenticated, documented
from services.inventory.reservations import store

router = APIRouter(prefix="/v1/reservations", tags=["reservations"])


@router.get("", response_model=Page[ReservationSnapshot], responses=documented(Unauthenticated, Forbidden, Invalid))
async def list_reservations(
    call: Annotated[Call, needs("stock:read")],
    state: Annotated[ReservationState | None, Query()] = None,
    after: After = None,
    limit: Limit = 50,
) -> Response:
    """Reservations by id, so by when they began; of one state, where asked."""
    place = decode(after, (UUID,))
    async with call.read() as tx:
        page = page_of(await store.page(tx, state, place[0] if place else None, limit), limit, encode)
        found = await store.of_ids(tx, page.items)
    items = [reservation.snapshot() for reservation in found]
    return call.answer(Page[ReservationSnapshot](items=items, next=page.next))


@router.get(
    "/{order_id}",
    response_model=ReservationSnapshot,
    responses=documented(Unauthenticated, Forbidden, NotFound, Invalid),
)
async def show_reservation(order_id: UUID, call: Annotated[Call, needs("stock:read")]) -> Response:
    """What is promised to an order, by line and depot."""
    async with call.look() as tx:
        reservation = await store.of_order(tx, order_id)
    if reservation is None:
        raise NotFound
    return call.answer(reservation.snapshot(), etag=reservation.version)
