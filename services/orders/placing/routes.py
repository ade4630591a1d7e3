"""`POST /v1/orders`."""

from typing import Annotated

from fastapi import APIRouter, Response

from libs.service.call import Call, needs
from libs.service.problems import Forbidden, Invalid, documented
from services.orders.customers.links import Links
from services.orders.lifecycle import store as orders
from services.orders.lifecycle.out import SummaryOut
from services.orders.placing import handlers
from services.orders.placing.body import PlaceOrder
from services.orders.placing.handlers import OtherOrder
from services.orders.placing.store import OtherOrderError

router = APIRouter(prefix="/v1", tags=["orders"])
IMPORT = "orders:import"
TRIES = 3
NEXT = {
    name: {"operationId": name, "parameters": {"order_id": "$response.body#/id"}}
    for name in ("order", "timeline", "hold", "release", "cancel", "ready")
}
"""What may be done with an order just taken, as OpenAPI links it."""


@router.post(
    "/orders",
    status_code=201,
    response_model=SummaryOut,
    responses={
        200: {"model": SummaryOut, "description": "The same order was taken before."},
        201: {"links": NEXT},
        **documented(OtherOrder, Invalid, Forbidden),
    },
)
async def place_order(body: PlaceOrder, call: Annotated[Call, needs("orders:place", sometimes=(IMPORT,))]) -> Response:
    """Take an order in.

    The same submission again, by its channel and external id, answers 200 with the order that there is.
    """
    if (body.historic or body.placed_at) and IMPORT not in call.principal.scopes:
        raise Forbidden(f"needs {IMPORT}", field="historic" if body.historic else "placed_at")
    for _ in range(TRIES):
        try:
            return await _placed(body, call)
        except OtherOrderError:
            continue
    raise OtherOrder("another order of this external id is just being taken", field="external_id")


async def _placed(body: PlaceOrder, call: Call) -> Response:
    async with call.uow(few_rows=True) as tx:
        order = await handlers.place_order(tx, body, Links(call.context.settings))
        if isinstance(order, handlers.Known):
            found = SummaryOut.of_row(await orders.summary(tx, order.order_id))
            return call.answer(found, etag=found.version, headers={"Location": f"/v1/orders/{found.id}"})
        summary = SummaryOut.of_order(order)
        return call.answer(summary, status=201, etag=order.version, headers={"Location": f"/v1/orders/{order.id}"})
