"""What a service holds of a person, over HTTP: a part of the document that a shop hands to a customer who asks."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from libs.service.call import Call, needs
from libs.service.personal import Erasing

Orders = Annotated[list[UUID], Query(alias="order_id", min_length=1, max_length=100, description="Their orders.")]


class HeldOut(BaseModel):
    """What a service holds of a person, by table: every column that can hold personal data."""

    service: str
    held: dict[str, list[Any]] = Field(description="Bytes are shown in hex.")


def personal_router(service: str, erasing: Erasing) -> APIRouter:
    """The one route of it, the same in every service: `/v1/personal-data/SERVICE`."""
    router = APIRouter(prefix="/v1/personal-data", tags=["personal data"])

    @router.get(f"/{service}", response_model=HeldOut, name=f"personal_data_{service}")
    async def personal_data(
        call: Annotated[Call, needs("customers:read")], orders: Orders, customer_id: UUID | None = None
    ) -> Any:
        """Show what this service holds of the person of these orders; `/v1/customers/{id}/export` names them."""
        async with call.read() as tx:
            return HeldOut(service=service, held=await erasing.held(tx, orders, customer_id))

    return router
