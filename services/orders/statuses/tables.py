"""The tables of statuses as SQLModel sees them: what a shop invented, and how one may follow another."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from services.orders.base import Table, big, document, words


class StatusRow(Table, table=True):
    """A status: what it is called, what it means, what happens when it is applied."""

    __tablename__ = "status"
    __table_args__ = (Index("status_position", "position", "id"),)

    id: UUID = Field(primary_key=True)
    version: int = big()
    mnemonic: str = words(unique=True)
    track: str = words()
    type: str = words()
    colour: str = words()
    indicator: str | None = words(default=None)
    publish: bool
    mail: bool
    sms: bool
    invoice: bool
    position: int
    archived: bool
    texts: dict[str, Any] = document()


class TransitionRow(Table, table=True):
    """On a track with any of these, a status may follow another only by one of them; without `from`: as the first."""

    __tablename__ = "status_transition"
    __table_args__ = (
        Index("status_transition_once", "from_status", "to_status", unique=True, postgresql_nulls_not_distinct=True),
        Index("status_transition_track", "track"),
    )

    id: UUID = Field(primary_key=True)
    track: str = words()
    from_status: UUID | None = Field(default=None, foreign_key="status.id")
    to_status: UUID = Field(foreign_key="status.id")


class StatusSettingsRow(Table, table=True):
    """How statuses are used here: one row."""

    __tablename__ = "status_settings"

    one: bool = Field(default=True, primary_key=True)  # always true
    version: int = big()
    mode: str = words()
