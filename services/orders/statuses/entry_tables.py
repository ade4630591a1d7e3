"""The tables of applied statuses as SQLModel sees them: entries, what stands, the rules and what they could not do."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from libs.service.personal import GONE, personal
from services.orders.base import Table, big, document, moment, of, words


class RuleRow(Table, table=True):
    """On a fact of this topic, where the conditions hold, this status is set."""

    __tablename__ = "status_rule"
    __table_args__ = (
        Index("status_rule_position", "position", "id"),
        Index("status_rule_topic", "topic", postgresql_where=text("active")),
    )

    id: UUID = Field(primary_key=True)
    version: int = big()
    name: str = words()
    topic: str = words()
    conditions: list[dict[str, Any]] = document()
    status_id: UUID = of("status.id")
    active: bool
    position: int


class EntryRow(Table, table=True):
    """A status as it was applied to an order. It stays; only its publication changes, and its comment is forgotten."""

    __tablename__ = "status_entry"
    __table_args__ = (
        Index("status_entry_number", "order_id", "number", unique=True),
        Index(*("status_entry_once", "fact_id", "rule_id"), unique=True, postgresql_where=text("rule_id IS NOT NULL")),
    )

    id: UUID = Field(primary_key=True)
    order_id: UUID = of("orders.id")
    number: int = big()  # of the order's entries, without a gap
    status_id: UUID = of("status.id")
    track: str = words()
    previous: UUID | None = None  # the status that stood on this track
    applied_at: datetime = moment()
    applied_by: str = words()
    rule_id: UUID | None = None
    fact_id: UUID | None = None
    comment: str | None = words(default=None, sa_column_kwargs=personal(GONE))  # to the customer
    actions: dict[str, bool] = document()
    published: bool


class StandingRow(Table, table=True):
    """The status that stands on a track of an order."""

    __tablename__ = "order_status"
    __table_args__ = (Index("order_status_standing", "status_id", "order_id"),)

    order_id: UUID = of("orders.id", primary_key=True)
    track: str = words(primary_key=True)
    status_id: UUID = of("status.id")
    entry_id: UUID = of("status_entry.id")
    since: datetime = moment()


class RefusalRow(Table, table=True):
    """A rule that could not set its status because of a fact, and why."""

    __tablename__ = "status_refusal"
    __table_args__ = (Index("status_refusal_order", "order_id", "at"),)

    fact_id: UUID = Field(primary_key=True)
    rule_id: UUID = Field(primary_key=True)
    order_id: UUID = of("orders.id")
    status_id: UUID = of("status.id")
    reason: str = words()
    at: datetime = moment()
