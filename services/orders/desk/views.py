"""Views that people keep: a list as it was asked for, under a name, for oneself or for all."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, NotFound

MOST = 200
"""Views of one person."""
_COLUMNS = "id, version, owner, name, query, shared"
_ADD = f"""
INSERT INTO saved_view (id, version, owner, name, query, shared)
SELECT $1, 1, $2, $3, $4, $5 WHERE (SELECT count(*) FROM saved_view WHERE owner = $2) < $6
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants
_CHANGE = f"""
UPDATE saved_view SET version = version + 1, name = $2, query = $3, shared = $4 WHERE id = $1 RETURNING {_COLUMNS}
"""  # noqa: S608 - constants
_PAGE = f"""
SELECT {_COLUMNS} FROM saved_view WHERE (owner = $1 OR shared) AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""  # noqa: S608 - constants


class NameTaken(Conflict):
    """You keep another view under this name."""

    slug = "view-name-taken"


class TooManyViews(Conflict):
    """You keep as many views as there may be: delete one first."""

    slug = "too-many-views"


@dataclass(frozen=True, slots=True)
class View:
    """A list as somebody asked for it."""

    id: UUID
    version: int
    owner: str
    name: str
    query: dict[str, Any]
    shared: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A view as it is to be."""

    name: str
    query: dict[str, Any]
    shared: bool


async def page(tx: Transaction, owner: str, after: UUID | None, limit: int) -> list[View]:
    """One's own views and those that are shared, the oldest first."""
    return [View(**row) for row in await tx.sql.fetch(_PAGE, owner, after, limit)]


async def one(tx: Transaction, owner: str, view_id: UUID) -> View:
    """A view that is one's own or shared; NotFound otherwise."""
    found = await _read(tx, view_id)
    if found is None or not (found.owner == owner or found.shared):
        raise NotFound("there is no such view")
    return found


async def add(tx: Transaction, owner: str, wanted: Wanted) -> View:
    """Keep a view; NameTaken, or TooManyViews."""
    try:
        async with tx.sql.transaction():
            row = await tx.sql.fetchrow(
                _ADD, new_id(), owner, wanted.name, json.dumps(wanted.query), wanted.shared, MOST
            )
    except asyncpg.UniqueViolationError:
        raise NameTaken(field="name") from None
    if row is None:
        raise TooManyViews
    return View(**row)


async def change(tx: Transaction, owner: str, view_id: UUID, wanted: Wanted, if_match: int | None) -> View:
    """Let one's own view be otherwise; another's, shared or not, is NotFound."""
    await _own(tx, owner, view_id, if_match)
    try:
        async with tx.sql.transaction():
            row = await tx.sql.fetchrow(_CHANGE, view_id, wanted.name, json.dumps(wanted.query), wanted.shared)
    except asyncpg.UniqueViolationError:
        raise NameTaken(field="name") from None
    return View(**row)


async def drop(tx: Transaction, owner: str, view_id: UUID, if_match: int | None) -> None:
    """Forget one's own view."""
    await _own(tx, owner, view_id, if_match)
    await tx.sql.execute("DELETE FROM saved_view WHERE id = $1", view_id)


async def _own(tx: Transaction, owner: str, view_id: UUID, if_match: int | None) -> None:
    found = await _read(tx, view_id, " FOR UPDATE")
    if found is None or found.owner != owner:
        raise NotFound("there is no such view of yours")
    check_version(found.version, if_match)


async def _read(tx: Transaction, view_id: UUID, lock: str = "") -> View | None:
    row = await tx.sql.fetchrow(f"SELECT {_COLUMNS} FROM saved_view WHERE id = $1{lock}", view_id)  # noqa: S608 - constants
    return View(**row) if row else None
