"""The tables of sellers, channels and keys as SQLModel sees them."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlmodel import Field

from services.orders.base import Table, big, counted, days, moment, moment_now, texts, words


class SellerRow(Table, table=True):
    """A legal entity that sells; its orders are numbered in its series."""

    __tablename__ = "seller"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    code: str = words(unique=True)
    name: str = words()
    vat_id: str | None = words(default=None)
    series: str = words(unique=True)


class ChannelRow(Table, table=True):
    """A configured shop, marketplace, desk or till."""

    __tablename__ = "channel"
    noun: ClassVar[str] = "channel"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    code: str = words(unique=True)
    name: str = words()
    kind: str = words()
    seller: str = words(foreign_key="seller.code")
    languages: list[str] = texts()
    currency: str = words()
    time_zone: str = words()
    depots: list[str] = texts()
    on_shortage: str = words()
    merchant_email: str | None = words(default=None)
    shop_email: str | None = words(default=None)
    shop_url: str | None = words(default=None)
    alert_email: str | None = words(default=None)
    history_published: bool
    account: bool
    tracking_url: str | None = words(default=None)
    tracking_days: int
    sms_sender: str | None = words(default=None)
    working_days: list[str] = texts()
    opens: str = words()
    closes: str = words()
    holidays: list[date] = days()


class ApiKeyRow(Table, table=True):
    """An API key: the hash of its secret, never the secret."""

    __tablename__ = "api_key"
    noun: ClassVar[str] = "key"

    id: UUID = Field(primary_key=True)
    fact_sequence: int = counted()
    version: int = big()
    name: str = words()
    prefix: str = words()
    secret_hash: str = words()
    role: str = words()
    scopes: list[str] = texts()
    revoked: bool
    expires_at: datetime | None = moment(default=None)
    created_at: datetime = moment_now()
    created_by: str = words()
