"""Personal data: which columns can hold any, how each is forgotten, and the one eraser that goes by those marks.

A column says how (`personal(GONE)`), in SQL over its own row; its table says which rows are somebody's, where that is
not plain from an `order_id` (`whose("...")`), in SQL over `$1`, the ids of all their orders, and `$2`, the customer's.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, Table

from libs.contracts.customers import CustomerErased
from libs.events import erasing as kernel
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction
from libs.service import idempotency

GONE = "NULL"
BLANK = "''"
EMPTY = "'{}'"
NO_BYTES = r"'\x'"
REPLACED = "'[erased]'"
ROW = "the row"
"""The whole row goes, not only the column."""
AT_ONCE = 100
"""So many orders at a time, all in one transaction."""
_OF_ORDER = "order_id = ANY($1::uuid[])"
_GIVEN = "$1::uuid[] IS NOT NULL AND ($2::uuid IS NULL OR true)"


def personal(how: str) -> dict[str, Any]:
    """The mark of a column that can hold personal data, for `sa_column_kwargs` or a Column."""
    return {"info": {"personal": how}}


def whose(rows: str) -> dict[str, Any]:
    """The last of `__table_args__` of a table with such columns: which rows are somebody's."""
    return {"info": {"whose": rows}}


@dataclass(frozen=True, slots=True)
class Marked:
    """A table with marked columns."""

    table: str
    columns: dict[str, str]
    rows: str

    @property
    def statement(self) -> str:
        """Forgets what is marked of somebody's rows."""
        where = f"WHERE ({self.rows}) AND {_GIVEN}"
        if ROW in self.columns.values():
            return f"DELETE FROM {self.table} {where}"  # noqa: S608 - our own marks
        changes = ", ".join(f'"{column}" = {how}' for column, how in self.columns.items())
        return f"UPDATE {self.table} SET {changes} {where}"  # noqa: S608 - our own marks

    @property
    def question(self) -> str:
        """Shows what is held of somebody, as JSON."""
        shown = ", ".join(f"""'{column}', to_jsonb("{column}")""" for column in self.columns)
        return f"SELECT jsonb_build_object({shown}) ::text AS held FROM {self.table} WHERE ({self.rows}) AND {_GIVEN}"  # noqa: S608


def marked(metadata: MetaData) -> Iterator[Marked]:
    """Every table with marked columns, whatever is referred to before what refers to it."""
    for table in metadata.sorted_tables:
        columns = {column.name: column.info["personal"] for column in table.columns if "personal" in column.info}
        if columns:
            yield Marked(table.name, columns, _rows(table))


def _rows(table: Table) -> str:
    if "whose" in table.info:
        return str(table.info["whose"])
    if "order_id" not in table.columns:
        raise LookupError(f"{table.name} has marked columns: it must say whose its rows are")
    return _OF_ORDER


class Erasing:
    """Forgets and shows people in one service's database: the marked columns, and what kernel and kit keep.

    `speakers`: a query over `$1` for what speaks of an order under an id of its own (a fulfilment, a payment ...).
    `alone`: tables whose rows others may be making at this instant for the same orders; those are waited for, and who
    comes later finds that the order's person is forgotten.
    """

    def __init__(self, metadata: MetaData, speakers: str | None = None, alone: Sequence[str] = ()) -> None:
        self.tables = tuple(marked(metadata))
        self._speakers = speakers
        self._alone = alone

    async def forget(self, tx: Transaction, orders: Sequence[UUID], customer: UUID | None) -> dict[str, int]:
        """Forget the person of these orders; how many rows that concerned in each table. Twice is as once."""
        await tx.flush()
        for table in self._alone:
            await tx.sql.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        done: dict[str, int] = {}
        for first in range(0, max(1, len(orders)), AT_ONCE):
            some = sorted(orders)[first : first + AT_ONCE]
            for table, rows in (await self._forget(tx, some, customer)).items():
                done[table] = done.get(table, 0) + rows
        return done

    async def _forget(self, tx: Transaction, orders: list[UUID], customer: UUID | None) -> dict[str, int]:
        done = {}
        for each in self.tables:
            done[each.table] = int((await tx.sql.execute(each.statement, orders, customer)).split()[-1])
        speakers = []
        if self._speakers is not None:
            speakers = [row[0] for row in await tx.sql.fetch(self._speakers, orders)]
        done["facts"] = await kernel.forget(tx, orders, speakers)
        about = [*orders, *speakers, *([customer] if customer else [])]
        done["answers"] = await idempotency.forget(tx, about)
        return {table: rows for table, rows in done.items() if rows}

    async def held(self, tx: Transaction, orders: Sequence[UUID], customer: UUID | None) -> dict[str, list[Any]]:
        """What is held of the person of these orders: for each table the marked columns of their rows."""
        found = {}
        for each in self.tables:
            rows = await tx.sql.fetch(each.question, list(orders), customer)
            held = [json.loads(row["held"]) for row in rows]
            if shown := [what for what in held if any(what.values())]:
                found[each.table] = shown
        return found


def register(consumer: Consumer, erasing: Erasing) -> None:
    """Make this service forget whom `customer.erased` names."""

    async def erased(tx: Transaction, event: CustomerErased) -> None:
        """A customer is to be forgotten, with all their orders."""
        await erasing.forget(tx, event.orders, event.id)

    consumer.on(CustomerErased)(erased)
