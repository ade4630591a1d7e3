"""An order as its customer sees it: nothing internal."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.common import Address, Money, PickupPoint, Quantity
from services.orders.desk.out import OrderOut, TotalsOut


class CustomersLineOut(BaseModel):
    """A line as its customer sees it."""

    name: str
    options: dict[str, str]
    image_url: str | None
    quantity: Quantity
    unit: str
    total: Money
    shipped: Quantity


class CustomersOrderOut(BaseModel):
    """An order as its customer sees it: nothing internal."""

    id: UUID
    number: str
    placed_at: datetime
    lifecycle: str
    fulfilment: str
    paid: bool
    totals: TotalsOut
    due: Money
    lines: list[CustomersLineOut]
    billing: Address | None
    shipping: Address | None
    pickup_point: PickupPoint | None
    parcels: list[dict[str, str | None]]


def customers_order_out(whole: OrderOut) -> CustomersOrderOut:
    """What of an order its customer may see."""
    return CustomersOrderOut(
        id=whole.id,
        number=whole.number,
        placed_at=whole.placed_at,
        lifecycle=whole.lifecycle,
        fulfilment=whole.fulfilment,
        paid=whole.payment == "received",
        totals=whole.totals,
        due=whole.due,
        lines=[CustomersLineOut(**line.model_dump(include=set(CustomersLineOut.model_fields))) for line in whole.lines],
        billing=whole.billing,
        shipping=whole.shipping,
        pickup_point=whole.pickup_point,
        parcels=[{"awb": s.awb, "status": s.status, "link": s.link} for s in whole.shipments if s.awb],
    )
