"""How a search is carried out: through the index of words, or along the list. What it finds is the same.

The index of words reads everybody who has a word, and a beginning as `an` begins a word of nearly all: such ones are
looked at row by row. A look at the rows that come next says which those are, and whether a page is full soon: what the
server knows of words in general says nothing of beginnings, and it took a rare one for a common one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from libs.events.transaction import Transaction
from services.orders.desk.folding import Term

LOOKED_AT = 200
"""Rows by which it is chosen."""
COMMON = LOOKED_AT // 10
"""Of them, so many that have a beginning make it one of most orders."""
SOON = LOOKED_AT // 200
"""Of them, so many that fit make a page be full soon."""
PATIENCE = 100
"""Rows that are looked at along the list for each that is wanted."""
_COUNTED = 20
"""Beginnings that are counted; what is asked beside them is taken for rare."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is carried out: `common` beginnings row by row; `soon`: a page is full soon along the list.

    `sorted_here`: what is searched knows of every order when it was placed.
    """

    common: frozenset[str] = frozenset()
    soon: bool = False
    sorted_here: bool = False


BY_INDEX = Plan()
"""What is always right."""


@dataclass(frozen=True, slots=True)
class Sought:
    """What is searched for in `order_search w`: all of the terms; a SKU; referers, any of them or them only."""

    terms: tuple[Term, ...] = ()
    sku: str | None = None
    referers: tuple[str, ...] = ()
    only: bool = False

    def __bool__(self) -> bool:
        """Is anything searched for?"""
        return bool(self.terms or self.referers or self.sku is not None)

    def by_index(self, arguments: list[Any], plan: Plan = BY_INDEX) -> list[str]:
        """The conditions, as the index serves them; their arguments are appended."""
        found = []
        if self.terms:
            every = " & ".join(term.asked for term in self.terms)
            rare = " & ".join(told for term in self.terms if (told := term.without(plan.common))) or every
            found.append(f"w.words @@ {_given(arguments, rare)}::text::tsquery")
            if rare != every:
                found.append(_has(arguments, every))
        if self.sku is not None:
            found.append(f"w.skus @> {_given(arguments, [self.sku])}::text[]")
        if self.referers:
            found.append(f"w.referers && {_given(arguments, list(self.referers))}::text[]")
        return found + self._no_other(arguments)

    def by_row(self, arguments: list[Any]) -> list[str]:
        """The conditions, as functions that no index serves; their arguments are appended."""
        found = []
        if self.terms:
            found.append(_has(arguments, " & ".join(term.asked for term in self.terms)))
        if self.sku is not None:
            found.append(f"arraycontains(w.skus, {_given(arguments, [self.sku])}::text[])")
        if self.referers:
            found.append(f"arrayoverlap(w.referers, {_given(arguments, list(self.referers))}::text[])")
        return found + self._no_other(arguments)

    def _no_other(self, arguments: list[Any]) -> list[str]:
        """Not `<@`: the planner takes that for so rare that it looks all of them up instead of walking the list."""
        if not (self.referers and self.only):
            return []
        given = _given(arguments, list(self.referers))
        return [f"NOT EXISTS (SELECT FROM unnest(w.referers) AS r WHERE r <> ALL ({given}::text[]))"]


async def plan_of(tx: Transaction, sought: Sought, from_here: str, arguments: Sequence[Any]) -> Plan:
    """How to search; `from_here` are the conditions and the order of the rows that come next, with their arguments."""
    given = list(arguments)
    every = " AND ".join(sought.by_row(given))
    beginnings = list(dict.fromkeys(each for term in sought.terms for each in term.beginnings))[:_COUNTED]
    each = ", ".join(f"count(*) FILTER (WHERE {_has(given, beginning)})" for beginning in beginnings)
    row = await tx.sql.fetchrow(
        f"""SELECT count(*) FILTER (WHERE {every}) AS fit, ARRAY[{each}]::bigint[] AS has,
                   NOT EXISTS (SELECT FROM order_search WHERE placed_at IS NULL) AS sorted_here
            FROM (SELECT w.* FROM order_search w {from_here} LIMIT {LOOKED_AT}) w""",  # noqa: S608 - our own words
        *given,
    )
    common = frozenset(beginning for beginning, has in zip(beginnings, row["has"], strict=True) if has >= COMMON)
    return Plan(common, row["fit"] >= SOON, row["sorted_here"])


def _given(arguments: list[Any], value: Any) -> str:
    arguments.append(value)
    return f"${len(arguments)}"


def _has(arguments: list[Any], asked: str) -> str:
    """Row by row; the question is read once, not for each row."""
    return f"ts_match_vq(w.words, (SELECT {_given(arguments, asked)}::text::tsquery))"
