"""Lists of orders: narrowed, sorted and paged over the read table. What narrows, exports and views share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.desk.narrowing import Filters
from services.orders.desk.read_table import NEVER
from services.orders.desk.searching import BY_INDEX, PATIENCE, Plan, plan_of

Sort = Literal["placed", "updated", "total", "due"]
Direction = Literal["desc", "asc"]
SORTS: dict[Sort, tuple[str, type[Any]]] = {
    "placed": ("placed_at", datetime),
    "updated": ("updated_at", datetime),
    "total": ("total", int),
    "due": ("due_at", datetime),
}
"""What lists are sorted by: the column, and what its place is made of."""
_SHOWN = """
SELECT o.id, o.number, o.version, o.channel, o.external_id, o.placed_at, o.historic, o.lifecycle, o.stock, o.payment,
       o.fulfilment, o.cancel_request, o.cancel_reason, o.currency, o.total, o.customer_id, o.person->>'name' AS name,
       l.holds, l.overdue, l.awbs, l.indicator, l.updated_at, l.due_at AS place_due,
       nullif(l.due_at, $1) AS due_at, l.total AS place_total,
       array_remove(ARRAY[l.order_status, l.payment_status, l.shipping_status], NULL) AS standing
"""


class Place(NamedTuple):
    """Where a page begins: behind the row that has this value and id, or before it."""

    value: Any
    order_id: UUID
    back: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """The order in which a page is read: the list's, or backwards, from behind a place."""

    sort: Sort
    direction: Direction
    place: Place | None

    @property
    def down(self) -> bool:
        """From the greatest to the least?"""
        return (self.direction == "desc") != (self.place is not None and self.place.back)

    def order(self, row: str) -> str:
        """Of rows that have this letter."""
        column, way = SORTS[self.sort][0], "DESC" if self.down else "ASC"
        return f"ORDER BY {row}.{column} {way}, {row}.order_id {way}"

    def behind(self, row: str, arguments: list[Any]) -> list[str]:
        """Behind the place; the arguments are appended."""
        if self.place is None:
            return []
        arguments += (self.place.value, self.place.order_id)
        here = f"(${len(arguments) - 1}, ${len(arguments)})"
        return [f"({row}.{SORTS[self.sort][0]}, {row}.order_id) {'<' if self.down else '>'} {here}"]


async def page(
    tx: Transaction,
    filters: Filters,
    place: Place | None,
    limit: int,
    sort: Sort = "placed",
    direction: Direction = "desc",
) -> list[dict[str, Any]]:
    """Orders in this order from behind a place; for a place to go `back` from, the rows before it, nearest first."""
    way = Way(sort, direction, place)
    plan = await planned(tx, filters, way) if filters.sought else BY_INDEX
    rows = await _read(tx, filters, way, limit, plan)
    if plan.soon and len(rows) < limit and _along(filters, way, plan):
        rows = await _read(tx, filters, way, limit, replace(plan, soon=False))
    return rows


async def _read(tx: Transaction, filters: Filters, way: Way, limit: int, plan: Plan) -> list[dict[str, Any]]:
    arguments: list[Any] = []
    statement = query(filters, way, limit, arguments, plan)
    return [dict(row) for row in await tx.sql.fetch(statement, *arguments)]


async def planned(tx: Transaction, filters: Filters, way: Way) -> Plan:
    """How what is searched for is found, as the rows say that come next."""
    arguments: list[Any] = []
    if way.sort != "placed":
        way = Way("placed", "desc", None)
    here = filters.period("w", arguments) + way.behind("w", arguments)
    return await plan_of(tx, filters.sought, f"{_where(here)} {way.order('w')}", arguments)


def query(filters: Filters, way: Way, limit: int, arguments: list[Any], plan: Plan = BY_INDEX) -> str:
    """The statement of a page; its arguments are appended to none. Along the list it may end before the page is full.

    What is not found soon is searched behind a fence (OFFSET 0): the planner would take it for something that fills a
    page soon, and read the whole list in its order.
    """
    arguments.append(NEVER)
    if _along(filters, way, plan):
        rows = _walked(filters, way, limit, arguments)
    elif filters.sought and plan.sorted_here and way.sort == "placed":
        rows = _searched(filters, way, limit, arguments, plan)
    else:
        rows = _listed(filters, way, limit, arguments, plan)
    return f"{_SHOWN} FROM ({rows}) l JOIN orders o ON o.id = l.order_id {way.order('l')}"


def _along(filters: Filters, way: Way, plan: Plan) -> bool:
    """Is what is searched for found along the list, looking at so many rows and no more?"""
    return bool(filters.sought) and plan.soon and plan.sorted_here and way.sort == "placed" and not filters.where([])


def _listed(filters: Filters, way: Way, limit: int, arguments: list[Any], plan: Plan) -> str:
    """Rows of the list; those that are searched for are looked up in it."""
    conditions = filters.where(arguments) + filters.period("l", arguments) + way.behind("l", arguments)
    rows, rest = "order_list l", conditions
    if filters.sought:
        sought = " AND ".join(filters.sought.by_index(arguments, plan))
        conditions.append(f"l.order_id IN (SELECT w.order_id FROM order_search w WHERE {sought})")  # noqa: S608
        if not plan.soon:
            rows, rest = f"(SELECT l.* FROM order_list l {_where(conditions)} OFFSET 0) l", []  # noqa: S608
    most = limit if filters.steady else _given(limit, arguments)
    return f"SELECT l.* FROM {rows} {_where(rest)} {way.order('l')} LIMIT {most}"  # noqa: S608 - our own columns


def _searched(filters: Filters, way: Way, limit: int, arguments: list[Any], plan: Plan) -> str:
    """What is searched for, sorted where it is found; only what is shown is looked up in the list."""
    found = filters.period("w", arguments) + way.behind("w", arguments) + filters.sought.by_index(arguments, plan)
    rows, others = "order_search w", filters.where(arguments)
    if not plan.soon:
        rows, found = f"(SELECT w.* FROM order_search w {_where(found)} OFFSET 0) w", []  # noqa: S608
    end = f"{way.order('w')} LIMIT {_given(limit, arguments)}"
    if others:
        rows = f"{rows} JOIN order_list l ON l.order_id = w.order_id"
        return f"SELECT l.* FROM {rows} {_where(found + others)} {end}"  # noqa: S608 - our own columns
    return _looked_up(f"SELECT w.order_id FROM {rows} {_where(found)} {end}")  # noqa: S608 - our own columns


def _walked(filters: Filters, way: Way, limit: int, arguments: list[Any]) -> str:
    """The rows that come next, so many of them, and of these what is searched for."""
    here = _where(filters.period("w", arguments) + way.behind("w", arguments))
    rows = f"SELECT w.* FROM order_search w {here} {way.order('w')} LIMIT {PATIENCE * limit}"  # noqa: S608
    sought = _where(filters.sought.by_row(arguments))
    return _looked_up(f"SELECT w.order_id FROM ({rows}) w {sought} {way.order('w')} LIMIT {limit}")  # noqa: S608


def _looked_up(found: str) -> str:
    return f"SELECT l.* FROM ({found}) w JOIN order_list l ON l.order_id = w.order_id"  # noqa: S608 - our own columns


def _given(value: Any, arguments: list[Any]) -> str:
    arguments.append(value)
    return f"${len(arguments)}"


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def place_of(row: Mapping[str, Any], sort: Sort) -> tuple[Any, UUID]:
    """Where a row stands in a list so sorted."""
    return row[{"due": "place_due", "total": "place_total"}.get(sort, SORTS[sort][0])], row["id"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A page of rows, and the places from which the pages beside it are read; None where there is none."""

    rows: Sequence[dict[str, Any]]
    following: tuple[Any, UUID] | None
    before: tuple[Any, UUID] | None


async def shown(
    tx: Transaction, filters: Filters, place: Place | None, limit: int, sort: Sort, direction: Direction
) -> Shown:
    """A page to be shown, in the list's order also when it was read backwards."""
    rows = await page(tx, filters, place, limit + 1, sort, direction)
    more, rows = len(rows) > limit, rows[:limit]
    back = place is not None and place.back
    if back:
        rows.reverse()
    if not rows:
        return Shown([], None, None)
    first, last = place_of(rows[0], sort), place_of(rows[-1], sort)
    return Shown(rows, last if more or back else None, first if (more if back else place is not None) else None)
