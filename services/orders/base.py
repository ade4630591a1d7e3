"""What every table of orders is made of: metadata of their own, and columns of the house's few kinds."""

from typing import Any

from sqlalchemy import BigInteger, Date, DateTime, ForeignKey, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry()):
    """A table of this service; the migrations make the same ones."""


metadata = Table.metadata


def words(**options: Any) -> Any:
    """Text; its length is limited at the edge."""
    return Field(sa_type=Text, **options)


def big(**options: Any) -> Any:
    """Minor units, thousandths, versions."""
    return Field(sa_type=BigInteger, **options)


def counted() -> Any:
    """The kernel's count of an aggregate's facts; never set here."""
    return Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


def moment(**options: Any) -> Any:
    """A time with its zone."""
    return Field(sa_type=DateTime(timezone=True), **options)


def moment_now() -> Any:
    """The database's own time when the row was written."""
    return Field(default=None, sa_type=DateTime(timezone=True), sa_column_kwargs={"server_default": text("now()")})


def document(**options: Any) -> Any:
    """JSON that is written and read whole."""
    return Field(sa_type=JSONB, **options)


def texts(**options: Any) -> Any:
    """A list of words."""
    return Field(sa_type=ARRAY(Text), **options)


def days(**options: Any) -> Any:
    """A list of calendar days."""
    return Field(sa_type=ARRAY(Date), **options)


def ids(**options: Any) -> Any:
    """A list of ids."""
    return Field(sa_type=ARRAY(Uuid), **options)


def of(column: str, **options: Any) -> Any:
    """The id of a row of another table."""
    return Field(sa_type=Uuid, sa_column_args=(ForeignKey(column),), **options)
