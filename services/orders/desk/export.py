"""A list of orders as rows of a table: read page by page, each page in a short transaction of its own."""

from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from libs.contracts.currencies import exponent
from libs.events.transaction import Cause, Transaction, UnitOfWork
from services.orders.desk.lists import Direction, Place, Sort, page, place_of
from services.orders.desk.narrowing import Filters
from services.orders.desk.sheets import Row
from services.orders.statuses import store as statuses
from services.orders.statuses.domain import Definition, text_for

AT_ONCE = 500
TRACKS = ("order", "payment", "shipping")
HEAD = (
    *("number", "channel", "external_id", "placed_at", "updated_at", "due_at", "customer", "total", "currency"),
    *("lifecycle", "stock", "payment", "fulfilment", *(f"{track}_status" for track in TRACKS), "indicator"),
    *("holds", "overdue", "awbs", "id"),
)
"""The columns, named as the list names them."""


class Export:
    """The rows of a list, whatever its length: no more than a page is held, and no transaction waits for the reader.

    An order that moves while it runs may stand as it was or as it is; sorted by when it was placed, each stands once.
    """

    def __init__(
        self, uow: UnitOfWork, cause: Cause, filters: Filters, sort: Sort, direction: Direction, language: str
    ) -> None:
        """`language`: of the statuses' names."""
        self.uow = uow
        self.cause = cause
        self.filters = filters
        self.sort = sort
        self.direction = direction
        self.language = language

    async def rows(self) -> AsyncIterator[list[Row]]:
        """All rows, a page at a time."""
        place: Place | None = None
        while True:
            async with self.uow(self.cause) as tx:
                found = await page(tx, self.filters, place, AT_ONCE, self.sort, self.direction)
                means = await self._means(tx, found)
            if not found:
                return
            yield [_row(row, means, self.language) for row in found]
            if len(found) < AT_ONCE:
                return
            place = Place(*place_of(found[-1], self.sort))

    @staticmethod
    async def _means(tx: Transaction, rows: list[dict[str, Any]]) -> dict[UUID, Definition]:
        standing = {status for row in rows for status in row["standing"]}
        return await statuses.by_ids(tx, standing) if standing else {}


def _row(row: Mapping[str, Any], means: Mapping[UUID, Definition], language: str) -> Row:
    names = {
        str(each.track): text_for(each, language).name or each.mnemonic
        for each in (means[status] for status in row["standing"])
    }
    total = Decimal(row["total"]).scaleb(-exponent(row["currency"]))
    return [
        *(row["number"], row["channel"], row["external_id"], row["placed_at"], row["updated_at"], row["due_at"]),
        *(row["name"], total, row["currency"]),
        *(row["lifecycle"], row["stock"], row["payment"], row["fulfilment"]),
        *(names.get(track) for track in TRACKS),
        *(row["indicator"], ", ".join(row["holds"]), ", ".join(row["overdue"]), ", ".join(row["awbs"]), str(row["id"])),
    ]
