"""The read table that answers every list, and its counters, as SQLModel sees them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from libs.service.personal import personal
from services.orders.base import Table, big, moment, of, texts, words

_FEW = {"gin_pending_list_limit": 256}  # kB that a reader may have to look through one by one


def _standing(track: str) -> Index:
    column = f"{track}_status"
    given = text(f"{column} IS NOT NULL")
    return Index(f"order_list_{column}", column, "placed_at", "order_id", postgresql_where=given)


class ListedRow(Table, table=True):
    """What lists know of an order, written whenever it moves. `marks`: what it is found by, as `stock:reserved`."""

    __tablename__ = "order_list"
    __table_args__ = (
        Index("order_list_placed", "placed_at", "order_id"),
        Index("order_list_updated", "updated_at", "order_id"),
        Index("order_list_total", "total", "order_id"),
        Index("order_list_due", "due_at", "order_id"),
        Index("order_list_lifecycle", "lifecycle", "placed_at", "order_id"),
        Index("order_list_marks", "marks", postgresql_using="gin", postgresql_with=_FEW),
        *(_standing(track) for track in ("order", "payment", "shipping")),
    )

    order_id: UUID = of("orders.id", primary_key=True)
    placed_at: datetime = moment()
    updated_at: datetime = moment()
    total: int = big()
    due_at: datetime = moment()  # the nearest open deadline; without one the end of time, so that it has a place
    lifecycle: str = words()
    order_status: UUID | None = None  # the status that stands on each track
    payment_status: UUID | None = None
    shipping_status: UUID | None = None
    indicator: str | None = words(default=None)
    holds: list[str] = texts()
    overdue: list[str] = texts()
    awbs: list[str] = texts()
    marks: list[str] = texts()


class SearchRow(Table, table=True):
    """What an order is found by that seldom changes. `plain`: the words that stay when its person is forgotten.

    `placed_at` is empty where a version wrote it that did not know it: until the check of lists comes by.
    """

    __tablename__ = "order_search"
    __table_args__ = (
        Index("order_search_all", "words", "referers", "skus", postgresql_using="gin", postgresql_with=_FEW),
        Index("order_search_placed", "placed_at", "order_id"),
        Index("order_search_unfilled", "order_id", postgresql_where=text("placed_at IS NULL")),
    )

    order_id: UUID = of("orders.id", primary_key=True)
    words: Any = Field(sa_type=TSVECTOR, sa_column_kwargs=personal("array_to_tsvector(plain)") | {"nullable": False})
    plain: list[str] = texts()
    referers: list[str] = texts()
    skus: list[str] = texts()
    placed_at: datetime | None = moment(default=None)


class ListCheckRow(Table, table=True):
    """How far the check of lists is: one row. It goes from the newest order to the oldest, and then rests.

    `form`: the form of rows that this walk, or the last, knows; `anew`: it writes all of them; `before`: it has still
    to look at the orders of smaller ids; `looked`, `written`: how many it has.
    """

    __tablename__ = "list_check"

    id: bool = Field(primary_key=True)
    form: int
    anew: bool
    before: UUID | None = None
    looked: int = big()
    written: int = big()
    ended_at: datetime | None = moment(default=None)


class CounterRow(Table, table=True):
    """How many orders have a mark, as of the last folding."""

    __tablename__ = "counter"

    name: str = words(primary_key=True)
    total: int = big()


class CounterChangeRow(Table, table=True):
    """One more or one fewer, not folded into its counter yet: no command waits for another's counter."""

    __tablename__ = "counter_change"

    id: int = Field(primary_key=True, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    name: str = words()
    change: int = big()
