"""Keyset pages: `?after=` an opaque cursor, `?limit=`; never an offset, never a count."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel

from libs.service.problems import Invalid

T = TypeVar("T")

MAX_CURSOR = 500
MAX_BIGINT = 2**63 - 1

After = Annotated[str | None, Query(max_length=MAX_CURSOR, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is the `after` of the page that follows, absent on the last one."""

    items: list[T]
    next: str | None = None


def encode(*place: Any) -> str:
    """The cursor of a row: the values its list is sorted by."""
    text = json.dumps([value.isoformat() if isinstance(value, datetime) else _plain(value) for value in place])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | str | None) else str(value)


def decode(after: str | None, kinds: Sequence[type[Any]], *, field: str = "after") -> tuple[Any, ...] | None:
    """The values a cursor holds, None for the first page; Invalid when it is not one of this list's cursors."""
    if after is None:
        return None
    try:
        values = json.loads(base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True))
        if not isinstance(values, list):
            raise ValueError("not a list")  # noqa: TRY004, TRY301 - one error for one mistake
        return tuple(_reader(kind)(value) for kind, value in zip(kinds, values, strict=True))
    except (ValueError, TypeError, binascii.Error, AttributeError) as error:
        raise Invalid("this is no cursor of this list", field=field) from error


def _reader(kind: type[Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if kind is datetime:
            found = datetime.fromisoformat(value)
            if found.tzinfo is None:
                raise ValueError("a time without a zone")
            return found
        if kind is UUID:
            return UUID(value)
        if type(value) is not kind:
            raise ValueError("another type")
        if (kind is int and abs(value) > MAX_BIGINT) or (kind is str and "\0" in value):
            raise ValueError("no value of a column")
        return value

    return read


def page_of(rows: Sequence[T], limit: int, cursor: Callable[[T], str]) -> Page[T]:
    """A page from `limit + 1` rows asked of the database: one more than shown says that there is a next page."""
    shown = list(rows[:limit])
    return Page[Any](items=shown, next=cursor(shown[-1]) if len(rows) > limit else None)
