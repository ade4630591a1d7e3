"""No list of a shop with many orders reads a whole table: asked of the planner, for all that narrows and sorts.

And however a search is carried out, it finds the same.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from libs.events.transaction import Cause, Transaction
from libs.service.testing import ServiceClient
from services.orders.desk import counters
from services.orders.desk.folding import question
from services.orders.desk.lists import SORTS, Direction, Place, Way, place_of, planned, query
from services.orders.desk.lists import page as page_of
from services.orders.desk.narrowing import Filters
from services.orders.desk.searching import BY_INDEX, Plan
from tests.bench.grown import ORDERS, grow
from tests.service.orders.stage import placed
from tests.unit.orders.said import lei, submitted

SUBMITTED = submitted()
MANY = 100_000
DIRECTIONS: tuple[Direction, ...] = ("desc", "asc")
BOTH = ((False, True), (False, True))
WHOLE = {"order_list", "order_search", "orders", "order_line", "order_event", "hold", "order_status"}
"""Tables that grow with the orders."""


def narrowings(status: tuple[str, UUID], others: list[tuple[str, UUID]], customer: UUID) -> Iterator[Filters]:
    """Each filter by itself, with values that many orders have, that few have and that none has; then some together."""
    yield Filters()
    narrowed: dict[str, tuple[Any, ...]] = {
        "lifecycle": ("completed", "open", "cancelled"),
        "stock": ("deducted", "reserved", "rejected"),
        "payment": ("received", "pending", "disputed"),
        "fulfilment": ("delivered", "none", "lost"),
        "channel": ("web", "none"),
        "currency": ("RON", "EUR"),
        "payment_method": ("cod", "none"),
        "delivery_method": ("courier", "none"),
        "bucket": ("on_hold", "overdue", "to_ship"),
        "hold": ("manual", "fraud"),
        "overdue": ("payment", "delivery"),
        "indicator": ("workshop",),
        "has_awb": (True, False),
        "external_id": ("old-777", "none"),
        "customer_id": (customer, uuid4()),
        "sku": ("mug-7", "none"),
        "words": tuple(
            question(asked) for asked in ("family77", "family77 an", "an", "none", "c77@example.ro", "old-1")
        ),
        "total_from": (1_000, 10_000_000),
    }
    for name, values in narrowed.items():
        for value in values:
            yield replace(Filters(), **{name: value})
    yield Filters(statuses=(status,))
    yield Filters(statuses=(("order", uuid4()),))
    yield Filters(statuses=(status, *others))
    for match in ("any", "only"):
        yield Filters(referers=("site-7", "site-8"), referer_match=match)
    yield Filters(statuses=(status,), lifecycle="completed", words=question("family77"))
    yield Filters(referers=("site-7",), lifecycle="open", payment_method="cod")


def scanned(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads whole."""
    if "Seq Scan" in plan["Node Type"]:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)


async def explained(tx: Transaction, statement: str, arguments: list[Any]) -> set[str]:
    """The growing tables that a statement would read whole."""
    told = await tx.sql.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    [found] = json.loads(told) if isinstance(told, str) else told
    return WHOLE & set(scanned(found["Plan"]))


async def by_every_plan(tx: Transaction, filters: Filters, way: Way) -> dict[Plan, list[UUID]]:
    """What a page shows, however it is searched for; only what a page is not filled with along the list is left out."""
    lexemes = frozenset(each for term in filters.words for each in term.beginnings)
    found = {}
    for common, soon, sorted_here in itertools.product((frozenset(), lexemes, frozenset(list(lexemes)[:1])), *BOTH):
        arguments: list[Any] = []
        plan = Plan(common, soon, sorted_here)
        statement = query(filters, way, 51, arguments, plan)
        found[plan] = [row["id"] for row in await tx.sql.fetch(statement, *arguments)]
    return found


@pytest.mark.slow
async def test_b12_with_100_000_orders_no_filter_and_no_sort_reads_a_whole_table(
    api: ServiceClient, orders_url: str
) -> None:
    totals = SUBMITTED["totals"] | {"goods": lei("50.00"), "total": lei("70.00")}
    example = await placed(api, lines=SUBMITTED["lines"][:1], totals=totals)
    await grow(orders_url, ORDERS, UUID(example["id"]), 0, MANY)
    wrong: list[str] = []
    async with api.context.uow(Cause("system:test")) as tx:
        rows = await tx.sql.fetch("SELECT DISTINCT order_status AS id FROM order_list WHERE order_status IS NOT NULL")
        status, *others = [("order", row["id"]) for row in rows]
        customer = UUID(example["customer_id"])
        first = await tx.sql.fetchrow(
            "SELECT placed_at, order_id FROM order_list ORDER BY placed_at LIMIT 1 OFFSET 50000"
        )
        shapes: set[str] = set()
        for filters, sort in itertools.product(narrowings(status, others[:3], customer), SORTS):
            for direction, dated in itertools.product(DIRECTIONS, (False, True)):
                asked = filters
                if dated:
                    asked = replace(filters, placed_from=first[0])
                arguments: list[Any] = []
                way = Way(sort, direction, None)
                plan = await planned(tx, asked, way) if asked.sought else BY_INDEX
                statement = query(asked, way, 51, arguments, plan)
                shapes.add(statement)
                if scans := await explained(tx, statement, arguments):
                    wrong.append(f"{scans} for {asked} by {sort} {direction}")
        for sort in SORTS:
            [row] = await page_of(tx, Filters(), None, 1, sort)
            arguments = []
            for back in (False, True):
                way = Way(sort, "desc", Place(*place_of(row, sort), back=back))
                arguments = []
                statement = query(Filters(), way, 51, arguments)
                if scans := await explained(tx, statement, arguments):
                    wrong.append(f"{scans} for a page by {sort}")
        while await counters.fold(tx):
            continue
        assert not await explained(tx, counters.KNOWN, [])
    assert not wrong, "\n".join(wrong[:20]) + f"\n{len(wrong)} in all"
    assert len(shapes) < 500


def sought(customer: UUID) -> Iterator[Filters]:
    """What is searched for: what all have, many, few, one and none, alone and with what else narrows."""
    for asked in ("an", "family7", "family77 an", "mug-7 an", "c77@example.ro", "old-99", "none"):
        yield Filters(words=question(asked))
    yield Filters(words=question("an"), customer_id=customer)
    yield Filters(words=question("family7 an"), lifecycle="open")
    yield Filters(sku="mug-7", referers=("site-7", "site-8"))
    yield Filters(referers=("site-7",), referer_match="only")


async def test_b12_however_a_search_is_carried_out_it_finds_the_same(api: ServiceClient, orders_url: str) -> None:
    totals = SUBMITTED["totals"] | {"goods": lei("50.00"), "total": lei("70.00")}
    example = await placed(api, lines=SUBMITTED["lines"][:1], totals=totals)
    await grow(orders_url, ORDERS, UUID(example["id"]), 0, 6_000)
    async with api.context.uow(Cause("system:test")) as tx:
        for filters in sought(UUID(example["customer_id"])):
            for direction in DIRECTIONS:
                way, shown = Way("placed", direction, None), 0
                while True:
                    ids = [row["id"] for row in await page_of(tx, filters, way.place, 51, "placed", direction)]
                    for plan, found in (await by_every_plan(tx, filters, way)).items():
                        short = plan.soon and plan.sorted_here and found == ids[: len(found)]
                        assert found == ids or short, (filters, way, plan)
                    shown += len(ids)
                    if len(ids) < 51 or shown >= 153:
                        break
                    [last] = await tx.sql.fetch("SELECT placed_at FROM orders WHERE id = $1", ids[-1])
                    way = Way("placed", direction, Place(last["placed_at"], ids[-1]))
