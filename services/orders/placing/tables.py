"""What placing knows of other services' methods: copies of their rows, fed by their facts."""

from typing import Any
from uuid import UUID

from sqlmodel import Field

from services.orders.base import Table, big, document, words


class KnownDeliveryMethodRow(Table, table=True):
    """A delivery method as shipping last said."""

    __tablename__ = "known_delivery_method"

    id: UUID = Field(primary_key=True)
    version: int = big()
    code: str = words(index=True)
    fact: dict[str, Any] = document()


class KnownPaymentMethodRow(Table, table=True):
    """A payment method as payments last said."""

    __tablename__ = "known_payment_method"

    id: UUID = Field(primary_key=True)
    version: int = big()
    code: str = words(index=True)
    fact: dict[str, Any] = document()
