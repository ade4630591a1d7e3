"""An order as its customer sees it: nothing internal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from libs.contracts.common import Address, Money, PickupPoint, Quantity
from libs.contracts.orders import Lifecycle, PaymentAxis
from libs.contracts.shipping import ShipmentSnapshot, ShipmentState
from services.orders.desk.out import OrderOut, TotalsOut


class StandingOut(BaseModel):
    """A status that was published to the customer, by its name."""

    track: str
    name: str
    language: str
    colour: str
    text_colour: str
    at: datetime


class PublishedOut(StandingOut):
    """A status that was published to the customer, as it was told."""

    message: str | None
    comment: str | None = Field(description="What the shop wrote for this use, where the message does not hold it.")


class CustomersSummaryOut(BaseModel):
    """An order at a glance, as its customer sees it."""

    id: UUID
    number: str
    shop: str
    placed_at: datetime
    lifecycle: str
    fulfilment: str
    paid: bool
    total: Money
    statuses: list[StandingOut] = Field(description="The newest published one of each track.")

    @classmethod
    def of_row(cls, row: dict[str, Any], statuses: list[StandingOut]) -> "CustomersSummaryOut":
        """From a row of the customer's own list."""
        paid, total = row["payment"] == PaymentAxis.RECEIVED, Money(row["total"], row["currency"])
        return cls.model_validate(row | {"paid": paid, "total": total, "statuses": statuses})


class CustomersLineOut(BaseModel):
    """A line as its customer sees it."""

    name: str
    options: dict[str, str]
    image_url: str | None
    quantity: Quantity
    unit: str
    total: Money
    shipped: Quantity


class CustomersParcelOut(BaseModel):
    """A parcel, and where its courier shows it."""

    awb: str
    courier: str
    status: str
    link: str | None


class CustomersOrderOut(BaseModel):
    """An order as its customer sees it: nothing internal."""

    id: UUID
    number: str
    shop: str
    placed_at: datetime
    language: str
    lifecycle: str
    fulfilment: str
    paid: bool
    totals: TotalsOut
    due: Money
    due_on_delivery: Money | None
    lines: list[CustomersLineOut]
    billing: Address | None
    shipping: Address | None
    pickup_point: PickupPoint | None
    parcels: list[CustomersParcelOut]
    statuses: list[PublishedOut] = Field(description="The newest published one of each track.")


def customers_order_out(whole: OrderOut, shop: str, statuses: list[PublishedOut]) -> CustomersOrderOut:
    """What of an order its customer may see."""
    return CustomersOrderOut(
        id=whole.id,
        number=whole.number,
        shop=shop,
        placed_at=whole.placed_at,
        language=whole.language,
        lifecycle=whole.lifecycle,
        fulfilment=whole.fulfilment,
        paid=whole.payment == PaymentAxis.RECEIVED,
        totals=whole.totals,
        due=whole.due,
        due_on_delivery=due_on_delivery(whole),
        lines=[CustomersLineOut(**line.model_dump(include=set(CustomersLineOut.model_fields))) for line in whole.lines],
        billing=whole.billing,
        shipping=whole.shipping,
        pickup_point=whole.pickup_point,
        parcels=[parcel_out(shipment) for shipment in parcels_of(whole)],
        statuses=statuses,
    )


def parcels_of(whole: OrderOut) -> list[ShipmentSnapshot]:
    """The parcels that have a number and were not cancelled."""
    return [each for each in whole.shipments if each.awb and each.state != ShipmentState.CANCELLED]


def parcel_out(shipment: ShipmentSnapshot) -> CustomersParcelOut:
    """A parcel as its customer follows it; a link that is no web address is left out."""
    link = shipment.link if shipment.link and shipment.link.startswith(("https://", "http://")) else None
    return CustomersParcelOut(awb=shipment.awb or "", courier=shipment.courier, status=shipment.status, link=link)


def due_on_delivery(whole: OrderOut) -> Money | None:
    """What is still to be paid when it arrives."""
    expected = whole.payment == PaymentAxis.DUE_ON_DELIVERY and whole.lifecycle != Lifecycle.CANCELLED
    return whole.due_on_delivery if expected and whole.due_on_delivery else None
