"""The columns of a table by name, for statements that read whole rows."""

from typing import Any

from sqlmodel import SQLModel


def columns(table: type[SQLModel], alias: str = "") -> str:
    """What this release knows of a table, for the list of a SELECT or a RETURNING; `alias.` stands before each.

    Not `*`: a prepared statement whose list grows with the next release's migration fails once on every connection of
    the processes of before, and what it fails in a transaction is that transaction.
    """
    known: Any = table
    before = f"{alias}." if alias else ""
    return ", ".join(f"{before}{column.name}" for column in known.__table__.columns)
