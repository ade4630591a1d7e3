"""What narrows a list of orders, as conditions over the read table."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.orders.desk.folding import Term
from services.orders.desk.searching import Sought

_EXTERNAL = (
    "l.order_id IN (SELECT e.id FROM channel c JOIN orders e ON e.channel = c.code AND e.external_id = {} OFFSET 0)"
)
_MARKED = (
    *("stock", "payment", "fulfilment", "channel", "currency", "delivery_method", "payment_method", "indicator"),
    *("bucket", "hold", "overdue"),
)


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
    words: tuple[Term, ...] = ()

    @property
    def sought(self) -> Sought:
        """What `order_search` is asked for."""
        return Sought(self.words, self.sku, self.referers, only=self.referer_match == "only")

    def period(self, row: str, arguments: list[Any]) -> list[str]:
        """When they were placed, asked of rows that have this letter; the arguments are appended."""
        found = _given(f"{row}.placed_at >= {{}}", self.placed_from, arguments)
        return found + _given(f"{row}.placed_at < {{}}", self.placed_until, arguments)

    def where(self, arguments: list[Any]) -> list[str]:
        """All other conditions over `order_list l`; their arguments are appended."""
        found = _given("l.lifecycle = {}", self.lifecycle, arguments)
        if len(self.statuses) == 1:
            [(track, status)] = self.statuses
            found += _given(f"l.{track}_status = {{}}", status, arguments)
        elif self.statuses:
            found += _given("l.marks && {}::text[]", [f"status:{status}" for _, status in self.statuses], arguments)
        found += _given("l.marks @> {}::text[]", self._marks() or None, arguments)
        found += _given("l.total >= {}", self.total_from, arguments)
        found += _given("l.total < {}", self.total_until, arguments)
        found += _given(
            "l.order_id IN (SELECT c.id FROM orders c WHERE c.customer_id = {})", self.customer_id, arguments
        )
        return found + _given(_EXTERNAL, self.external_id, arguments)

    @property
    def steady(self) -> bool:
        """Is one plan the best for all values? Then the server may keep it: nothing but a period and one index."""
        one = Filters(
            lifecycle=self.lifecycle,
            statuses=() if self.lifecycle else self.statuses[:1],
            placed_from=self.placed_from,
            placed_until=self.placed_until,
        )
        return self == replace(one, referer_match=self.referer_match)

    def _marks(self) -> list[str]:
        """What a row must be marked with, all of it."""
        marks = [f"{kind}:{value}" for kind in _MARKED if (value := getattr(self, kind)) is not None]
        if self.has_awb is not None:
            marks.append(f"has_awb:{'yes' if self.has_awb else 'no'}")
        return marks


def _given(condition: str, value: Any, arguments: list[Any]) -> list[str]:
    if value is None:
        return []
    arguments.append(value)
    return [condition.replace("{}", f"${len(arguments)}")]
