"""All that is known of a customer as one JSON document, for whoever asks the shop for their data."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from libs.service.call import Call, needs
from libs.service.problems import NotFound, documented
from services.orders.customers import store as customers
from services.orders.customers.erasing import eraser
from services.orders.customers.routes import CustomerOut
from services.orders.desk import store
from services.orders.desk.out import OrderOut

router = APIRouter(prefix="/v1", tags=["customers"])
ELSEWHERE = ("payments", "shipping", "notifications")
IN_A_PATH = 100
_SHOWN = {
    *("id", "number", "channel", "external_id", "placed_at", "language", "lifecycle", "payment", "fulfilment"),
    *("totals", "charges", "discounts", "customer", "company", "fiscal_ids", "billing", "shipping", "pickup_point"),
    *("delivery_note", "gift_note", "attributes", "referers", "money", "delivery_method", "payment_method"),
}
_OF_LINES = {"lines": {"__all__": {"sku", "name", "options", "quantity", "unit", "unit_price", "total", "attributes"}}}


class HappenedOut(BaseModel):
    """That something happened to an order."""

    at: datetime
    topic: str


class ExportedOrder(BaseModel):
    """An order as far as it is its customer's: what they gave, what they bought, what happened."""

    order: dict[str, Any]
    history: list[HappenedOut]


class ExportOut(BaseModel):
    """All that orders knows of a customer, and where the other services tell what they hold."""

    exported_at: datetime
    customer: CustomerOut
    orders: list[ExportedOrder]
    held: dict[str, list[Any]] = Field(description="Every column here that can hold personal data, by table.")
    elsewhere: list[str] = Field(description="Ask these as well; together with this they are the whole document.")


@router.get("/customers/{customer_id}/export", responses=documented(NotFound))
async def export(customer_id: UUID, call: Annotated[Call, needs("customers:read")]) -> ExportOut:
    """Everything known of a customer as one document, as of one instant. Nothing of the shop's own is in it."""
    async with call.read() as tx:
        await store.one_view(tx)
        row = await customers.find(tx, customer_id)
        if row is None:
            raise NotFound("there is no such customer")
        theirs = await customers.orders_of(tx, customer_id)
        orders = []
        for order in theirs:
            whole, events = await store.whole(tx, order), await store.timeline(tx, order, 0, 10_000)
            if whole is not None:
                orders.append(ExportedOrder(order=_theirs(whole), history=[_happened(each) for each in events or ()]))
        held = await eraser().held(tx, theirs, customer_id)
    return ExportOut(
        exported_at=datetime.now(UTC),
        customer=CustomerOut.model_validate(row),
        orders=orders,
        held=held,
        elsewhere=[path for service in ELSEWHERE for path in _paths(service, customer_id, theirs)],
    )


def _theirs(whole: OrderOut) -> dict[str, Any]:
    return whole.model_dump(mode="json", include=_SHOWN) | whole.model_dump(mode="json", include=_OF_LINES)


def _happened(event: dict[str, Any]) -> HappenedOut:
    return HappenedOut(at=event["at"], topic=event["topic"])


def _paths(service: str, customer_id: UUID, orders: list[UUID]) -> list[str]:
    """Where a service tells what it holds; several where the orders are many."""
    some = [orders[first : first + IN_A_PATH] for first in range(0, len(orders), IN_A_PATH)]
    head = f"/v1/personal-data/{service}?customer_id={customer_id}"
    return [head + "".join(f"&order_id={order}" for order in each) for each in some]
