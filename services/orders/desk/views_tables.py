"""The table of views that people keep, as SQLModel sees it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from services.orders.base import Table, big, document, moment_now, words


class ViewRow(Table, table=True):
    """A list as somebody asked for it, under a name."""

    __tablename__ = "saved_view"
    __table_args__ = (
        Index("saved_view_name", "owner", "name", unique=True),
        Index("saved_view_shared", "id", postgresql_where=text("shared")),
    )

    id: UUID = Field(primary_key=True)
    version: int = big()
    owner: str = words()
    name: str = words()
    query: dict[str, Any] = document()
    shared: bool
    created_at: datetime = moment_now()
