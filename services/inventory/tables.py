"""Every table of inventory; quantities are thousandths."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    desc,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel


class Table(SQLModel, registry=registry()):
    """What this service's tables have in common: a metadata of their own."""


def _text(**more: Any) -> Any:
    return Field(sa_type=Text, **more)


def _count(default: int = 0) -> Any:
    return Field(default=default, sa_type=BigInteger, sa_column_kwargs={"server_default": text(str(default))})


def _quantity() -> Any:
    return Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})


def _time(**more: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **more)


def _now() -> Any:
    return _time(sa_column_kwargs={"server_default": text("now()")})


class Depot(Table, table=True):
    """A place that holds goods; the lower its priority number, the sooner it is asked."""

    __tablename__ = "depot"
    code: str = _text(primary_key=True)
    id: UUID = Field(unique=True)
    name: str = _text()
    priority: int = Field(sa_type=Integer)
    buffer: int = _quantity()  # of a level that is new in this depot
    active: bool
    version: int = _count(1)
    __table_args__ = (CheckConstraint("buffer >= 0", name="depot_buffer"),)


class ItemRow(Table, table=True):
    """Something that can be in stock."""

    __tablename__ = "item"
    id: UUID = Field(primary_key=True)
    sku: str = _text(unique=True)
    name: str = _text()
    ean: str | None = _text(default=None)
    unit: str = _text()
    weight_g: int | None = Field(default=None, sa_type=Integer)
    cost_minor: int | None = Field(default=None, sa_type=BigInteger)
    cost_currency: str | None = _text(default=None)
    archived: bool = False
    version: int = _count(1)
    fact_sequence: int = _count()
    __table_args__ = (CheckConstraint("(cost_minor IS NULL) = (cost_currency IS NULL)", name="item_cost"),)


class LevelRow(Table, table=True):
    """How much of an item there is in a depot. `uncovered`: of what is reserved, not on hand when last looked at."""

    __tablename__ = "stock_level"
    id: UUID = Field(primary_key=True)
    sku: str = _text()
    depot: str = _text(foreign_key="depot.code")
    on_hand: int = _quantity()
    reserved: int = _quantity()
    buffer: int = _quantity()
    quarantine: int = _quantity()
    uncovered: int = _quantity()
    version: int = _count(0)
    fact_sequence: int = _count()
    __table_args__ = (
        UniqueConstraint("sku", "depot", name="stock_level_place"),
        CheckConstraint(
            "on_hand >= 0 AND reserved >= 0 AND buffer >= 0 AND quarantine >= 0 AND uncovered >= 0",
            name="stock_level_not_negative",
        ),
    )


class MovementRow(Table, table=True):
    """The ledger: why a level is what it is. Nothing in it is ever changed."""

    __tablename__ = "movement"
    id: UUID = Field(primary_key=True)
    level_id: UUID = Field(foreign_key="stock_level.id")
    depot: str = _text()
    sku: str = _text()
    kind: str = _text()
    bucket: str = _text()
    quantity: int = Field(sa_type=BigInteger)
    source: str = _text()  # what caused it: the same cause never moves the same level twice
    reason: str | None = _text(default=None)
    actor: str = _text()
    at: datetime = _now()
    __table_args__ = (
        UniqueConstraint("level_id", "source", name="movement_once"),
        CheckConstraint("kind IN ('receipt', 'set', 'deduct', 'return', 'correction')", name="movement_kind"),
        CheckConstraint("bucket IN ('on_hand', 'quarantine')", name="movement_bucket"),
        CheckConstraint("quantity <> 0", name="movement_quantity"),
        Index("movement_depot", "depot", desc("id")),
        Index("movement_sku", "sku", desc("id")),
    )


class KnownOrder(Table, table=True):
    """What inventory must know of an order: the newest version it was told of."""

    __tablename__ = "known_order"
    id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    number: str = _text()
    channel: str = _text()
    placed_at: datetime = _time()
    may_wait: bool
    asked: bytes | None = None  # a fingerprint of what it asks for,
    asked_at: int | None = Field(default=None, sa_type=BigInteger)  # as of this version,
    asked_since: int | None = Field(default=None, sa_type=BigInteger)  # and first of this one


class ReservationRow(Table, table=True):
    """The one reservation of an order."""

    __tablename__ = "reservation"
    id: UUID = Field(primary_key=True)
    order_id: UUID = Field(unique=True, foreign_key="known_order.id")
    round: int = Field(sa_type=Integer)
    order_version: int = Field(sa_type=BigInteger)
    state: str = _text()
    version: int = _count(1)
    fact_sequence: int = _count()
    __table_args__ = (
        CheckConstraint(
            "state IN ('waiting', 'reserved', 'rejected', 'released', 'deducted')", name="reservation_state"
        ),
    )


class ReservationLineRow(Table, table=True):
    """What one line of an order wants."""

    __tablename__ = "reservation_line"
    reservation_id: UUID = Field(primary_key=True, foreign_key="reservation.id")
    line_id: UUID = Field(primary_key=True)
    place: int = Field(sa_type=Integer)
    sku: str = _text()
    wanted: int = _quantity()
    short: int = _quantity()
    __table_args__ = (CheckConstraint("wanted >= 0 AND short >= 0", name="reservation_line_not_negative"),)


class AllocationRow(Table, table=True):
    """What one line has in one depot: held now, and gone or come back so far."""

    __tablename__ = "allocation"
    reservation_id: UUID = Field(primary_key=True)
    line_id: UUID = Field(primary_key=True)
    depot: str = _text(primary_key=True)
    sku: str = _text()
    reserved: int = _quantity()
    deducted: int = _quantity()
    returned: int = _quantity()
    __table_args__ = (
        CheckConstraint("reserved >= 0 AND deducted >= 0 AND returned >= 0", name="allocation_not_negative"),
        Index("allocation_held", "sku", "depot", postgresql_where=text("reserved > 0")),
    )


class BacklogRow(Table, table=True):
    """What waiting orders want, oldest first: the queue for goods that come."""

    __tablename__ = "backlog"
    sku: str = _text(primary_key=True)
    placed_at: datetime = _time(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    channel: str = _text()
    wanted: int = Field(sa_type=BigInteger)
    __table_args__ = (
        CheckConstraint("wanted > 0", name="backlog_wanted"),
        Index("backlog_order", "order_id"),
    )


class UncoveredRow(Table, table=True):
    """An order whose reserved goods are not on hand any more."""

    __tablename__ = "uncovered"
    noun: ClassVar[str] = "uncovered"
    id: UUID = Field(primary_key=True)
    order_id: UUID
    sku: str = _text()
    depot: str = _text()
    quantity: int = _quantity()
    since: datetime = _now()
    cleared_at: datetime | None = _time(default=None)
    version: int = _count(1)
    fact_sequence: int = _count()
    __table_args__ = (
        UniqueConstraint("order_id", "sku", "depot", name="uncovered_place"),
        Index("uncovered_open", "sku", "depot", postgresql_where=text("cleared_at IS NULL")),
    )


class KnownChannel(Table, table=True):
    """A channel's depots, in the order in which they are asked."""

    __tablename__ = "known_channel"
    code: str = _text(primary_key=True)
    id: UUID
    version: int = Field(sa_type=BigInteger)
    depots: list[str] = Field(sa_type=ARRAY(Text))


class AvailabilityRow(Table, table=True):
    """What was last published of a SKU for a channel."""

    __tablename__ = "availability"
    id: UUID = Field(primary_key=True)
    channel: str = _text()
    sku: str = _text()
    available: int = _quantity()
    published_at: datetime = _now()
    version: int = _count(1)
    fact_sequence: int = _count()
    __table_args__ = (
        UniqueConstraint("sku", "channel", name="availability_place"),
        Index("availability_age", "published_at"),
    )


class AvailabilityDue(Table, table=True):
    """SKUs whose availability may have changed since it was published. Rows are only added and taken: nobody waits."""

    __tablename__ = "availability_due"
    seq: int = Field(sa_type=BigInteger, sa_column_args=[Identity(always=True)], primary_key=True)
    sku: str = _text()
