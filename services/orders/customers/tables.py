"""The tables of customers as SQLModel sees them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from services.orders.base import Table, big, counted, moment_now, of, words


class CustomerRow(Table, table=True):
    """A person or company that ordered. `email` and `phone` in the form by which they are looked up."""

    __tablename__ = "customer"
    __table_args__ = (
        Index("customer_verified_email", "email", unique=True, postgresql_where=text("email_verified")),
        Index("customer_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
    )

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    name: str | None = words(default=None)
    email: str | None = words(default=None)
    email_verified: bool
    phone: str | None = words(default=None)
    language: str | None = words(default=None)
    created_at: datetime = moment_now()


class ChannelCustomerRow(Table, table=True):
    """What a channel calls a customer."""

    __tablename__ = "channel_customer"

    channel: str = words(primary_key=True)
    external_id: str = words(primary_key=True)
    customer_id: UUID = of("customer.id")
