"""Lists of orders: narrowed, sorted and paged over the read table. What narrows, exports and views share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.desk.read_table import NEVER

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
_FOUND = "l.order_id IN (SELECT w.order_id FROM order_search w WHERE {})"
_EXTERNAL = (
    "l.order_id IN (SELECT e.id FROM channel c JOIN orders e ON e.channel = c.code AND e.external_id = {} OFFSET 0)"
)
# Not `<@`: the planner takes that for so rare that it looks all of them up instead of walking the list.
_NO_OTHER = "NOT EXISTS (SELECT FROM unnest(w.referers) AS r WHERE r <> ALL ({}::text[]))"
_MARKED = (
    *("stock", "payment", "fulfilment", "channel", "currency", "delivery_method", "payment_method", "indicator"),
    *("bucket", "hold", "overdue"),
)


class Place(NamedTuple):
    """Where a page begins: behind the row that has this value and id, or before it."""

    value: Any
    order_id: UUID
    back: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """Which orders a list shows; None does not narrow. `statuses`: (track, id) of which any stands."""

    channel: str | None = None
    external_id: str | None = None
    lifecycle: str | None = None
    stock: str | None = None
    payment: str | None = None
    fulfilment: str | None = None
    hold: str | None = None
    customer_id: UUID | None = None
    placed_from: datetime | None = None
    placed_until: datetime | None = None
    referers: tuple[str, ...] = ()
    referer_match: Literal["any", "only"] = "any"
    statuses: tuple[tuple[str, UUID], ...] = ()
    indicator: str | None = None
    bucket: str | None = None
    payment_method: str | None = None
    delivery_method: str | None = None
    currency: str | None = None
    total_from: int | None = None
    total_until: int | None = None
    sku: str | None = None
    overdue: str | None = None
    has_awb: bool | None = None
    words: str | None = None  # a question of `folding`

    def where(self, arguments: list[Any]) -> list[str]:
        """The conditions over `order_list l`; their arguments are appended."""

        def given(condition: str, value: Any) -> list[str]:
            if value is None:
                return []
            arguments.append(value)
            return [condition.format(f"${len(arguments)}")]

        found = given("l.lifecycle = {}", self.lifecycle)
        if len(self.statuses) == 1:
            [(track, status)] = self.statuses
            found += given(f"l.{track}_status = {{}}", status)
        elif self.statuses:
            found += given("l.marks && {}::text[]", [f"status:{status}" for _, status in self.statuses])
        found += given("l.marks @> {}::text[]", self._marks() or None)
        found += given("l.placed_at >= {}", self.placed_from) + given("l.placed_at < {}", self.placed_until)
        found += given("l.total >= {}", self.total_from) + given("l.total < {}", self.total_until)
        found += given("l.order_id IN (SELECT c.id FROM orders c WHERE c.customer_id = {})", self.customer_id)
        found += given(_EXTERNAL, self.external_id)
        searched = given("w.words @@ {}::text::tsquery", self.words)
        searched += given("w.skus @> {}::text[]", [self.sku] if self.sku is not None else None)
        if self.referers:
            searched += given("w.referers && {}::text[]", list(self.referers))
            if self.referer_match == "only":
                searched += given(_NO_OTHER, list(self.referers))
        return found + ([_FOUND.format(" AND ".join(searched))] if searched else [])

    def _marks(self) -> list[str]:
        """What a row must be marked with, all of it."""
        marks = [f"{kind}:{value}" for kind in _MARKED if (value := getattr(self, kind)) is not None]
        if self.has_awb is not None:
            marks.append(f"has_awb:{'yes' if self.has_awb else 'no'}")
        return marks


async def page(
    tx: Transaction,
    filters: Filters,
    place: Place | None,
    limit: int,
    sort: Sort = "placed",
    direction: Direction = "desc",
) -> list[dict[str, Any]]:
    """Orders in this order from behind a place; for a place to go `back` from, the rows before it, nearest first."""
    arguments: list[Any] = []
    statement = query(filters, place, limit, sort, direction, arguments)
    return [dict(row) for row in await tx.sql.fetch(statement, *arguments)]


def query(
    filters: Filters, place: Place | None, limit: int, sort: Sort, direction: Direction, arguments: list[Any]
) -> str:
    """The statement of a page; its arguments are appended to none."""
    arguments.append(NEVER)
    column, _ = SORTS[sort]
    down = (direction == "desc") != (place is not None and place.back)
    conditions = filters.where(arguments)
    if place is not None:
        arguments += (place.value, place.order_id)
        here = f"(${len(arguments) - 1}, ${len(arguments)})"
        conditions.append(f"(l.{column}, l.order_id) {'<' if down else '>'} {here}")
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    arguments.append(limit)
    way = "DESC" if down else "ASC"
    order = f"ORDER BY l.{column} {way}, l.order_id {way}"
    rows = f"SELECT l.* FROM order_list l {where} {order} LIMIT ${len(arguments)}"  # noqa: S608 - our own columns
    return f"{_SHOWN} FROM ({rows}) l JOIN orders o ON o.id = l.order_id {order}"


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
