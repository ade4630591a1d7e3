"""The tables of customers as SQLModel sees them."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from libs.service.personal import GONE, ROW, personal, whose
from services.orders.base import Table, big, counted, document, ids, moment, moment_now, of, words


class CustomerRow(Table, table=True):
    """A person or company that ordered. `email` and `phone` in the form by which they are looked up."""

    __tablename__ = "customer"
    __table_args__ = (
        Index("customer_verified_email", "email", unique=True, postgresql_where=text("email_verified")),
        Index("customer_phone", "phone", postgresql_where=text("phone IS NOT NULL")),
        whose("id = $2::uuid"),
    )
    noun: ClassVar[str] = "customer"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    name: str | None = words(default=None, sa_column_kwargs=personal(GONE))
    email: str | None = words(default=None, sa_column_kwargs=personal(GONE))
    email_verified: bool = Field(sa_column_kwargs=personal("false"))
    phone: str | None = words(default=None, sa_column_kwargs=personal(GONE))
    language: str | None = words(default=None, sa_column_kwargs=personal(GONE))
    created_at: datetime = moment_now()
    by_mail: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    by_sms: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    erased_at: datetime | None = moment(default=None)  # since then nobody is taken for them


class ChannelCustomerRow(Table, table=True):
    """What a channel calls a customer."""

    __tablename__ = "channel_customer"
    __table_args__ = (Index("channel_customer_customer", "customer_id"), whose("customer_id = $2::uuid"))

    channel: str = words(primary_key=True)
    external_id: str = words(primary_key=True, sa_column_kwargs=personal(ROW))
    customer_id: UUID = of("customer.id")


class ErasureRow(Table, table=True):
    """That a customer was forgotten: who asked, why, and what it touched; nothing of whom it was."""

    __tablename__ = "erasure"
    __table_args__ = (Index("erasure_log_due", "log_due_at", postgresql_where=text("log_due_at IS NOT NULL")),)

    id: UUID = Field(primary_key=True)
    customer_id: UUID = of("customer.id", index=True)
    at: datetime = moment()
    actor: str = words()
    reason: str = words()
    orders: list[UUID] = ids()
    done: dict[str, int] = document()  # rows of each table
    log_due_at: datetime | None = moment(default=None)  # when the embedded log is to be gone through (again)
    log_rounds: int = 0
