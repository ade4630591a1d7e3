"""An order as lists and commands answer with it."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.common import Money
from libs.contracts.orders import (
    CancelReason,
    FulfilmentAxis,
    HoldKind,
    Lifecycle,
    PaymentAxis,
    StockAxis,
)
from services.orders.lifecycle.domain import Order


class SummaryOut(BaseModel):
    """An order at a glance."""

    id: UUID
    number: str
    version: int
    channel: str
    external_id: str | None
    placed_at: datetime
    historic: bool
    lifecycle: Lifecycle
    stock: StockAxis
    payment: PaymentAxis
    fulfilment: FulfilmentAxis
    holds: list[HoldKind]
    cancel_requested: bool
    cancel_reason: CancelReason | None
    total: Money
    customer_id: UUID | None
    name: str | None

    @classmethod
    def of_order(cls, order: Order) -> Self:
        """From an order in hand."""
        return cls(
            id=order.id,
            number=order.number,
            version=order.version,
            channel=order.channel,
            external_id=order.external_id,
            placed_at=order.placed_at,
            historic=order.historic,
            lifecycle=order.lifecycle,
            stock=order.stock,
            payment=order.payment,
            fulfilment=order.fulfilment,
            holds=sorted({hold.kind for hold in order.standing}),
            cancel_requested=order.cancel_request is not None,
            cancel_reason=order.cancel_reason,
            total=Money(order.total, order.currency),
            customer_id=order.customer_id,
            name=order.person.name if order.person else None,
        )

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Self:
        """From a row of `store.SUMMARY`."""
        return cls.model_validate(
            row | {"total": Money(row["total"], row["currency"]), "cancel_requested": row["cancel_request"] is not None}
        )


class HoldOut(BaseModel):
    """A reason why an order may not go on, or once could not."""

    id: UUID
    kind: HoldKind
    reason: str
    fields: list[dict[str, str]]
    placed_at: datetime
    placed_by: str
    lifted_at: datetime | None
    lifted_by: str | None


class EventOut(BaseModel):
    """A fact about an order, of whatever service. What was put in words needs customers:read."""

    number: int
    event_id: UUID
    topic: str
    at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    detail: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
