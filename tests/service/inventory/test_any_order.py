"""Whatever happens, in whatever order it is told: one end state, and books that balance after every step."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.common import Quantity
from libs.contracts.orders import Lifecycle, OrderSnapshot
from libs.events.bus import Record
from libs.events.transaction import UnitOfWork, new_id
from services.inventory.consumers import consumer
from services.inventory.reservations.handlers import serve_waiting
from services.inventory.stock import handlers as stock
from services.inventory.stock import store
from services.inventory.stock.domain import Place
from tests.service.inventory.stage import (
    CAUSE,
    a_line,
    an_order,
    check_books,
    given_depots,
    given_stock,
    pieces,
    tell,
    then,
    told,
)

REAL = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(autouse=True)
async def _two_depots(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "main", "shop")


def shipped_and_returned(first: OrderSnapshot) -> list[OrderSnapshot]:
    """A life that ends completed, part of it sent back."""
    reserved = then(first)
    cut = then(reserved, line={"cut": 1})
    part = then(cut, line={"shipped": 2, "shipped_from": {"main": 1, "shop": 1}})
    rest = then(part, line={"shipped": 4, "shipped_from": {"main": 3, "shop": 1}})
    returned = then(rest, line={"returned": 1, "returned_to": {"main": 1}})
    return [first, reserved, cut, part, rest, returned, then(returned, lifecycle=Lifecycle.COMPLETED)]


def expired_and_reopened(first: OrderSnapshot) -> list[OrderSnapshot]:
    """A life that was over once, and then went on."""
    over = then(first, lifecycle=Lifecycle.CANCELLED)
    again = then(over, lifecycle=Lifecycle.OPEN, round=2)
    confirmed = then(again, lifecycle=Lifecycle.CONFIRMED)
    return [first, over, again, confirmed, then(confirmed, line={"shipped": 2, "shipped_from": {"main": 2}})]


def cancelled(first: OrderSnapshot) -> list[OrderSnapshot]:
    """A life that ended early."""
    return [first, then(first), then(then(first), lifecycle=Lifecycle.CANCELLED)]


LIVES = (shipped_and_returned, expired_and_reopened, cancelled)


async def end_of(uow: UnitOfWork, records: Sequence[Record], sku: str, order: UUID, *, together: bool = False) -> Any:
    """What is so after these facts, beside ids and versions; one by one, or all in one transaction."""
    for some in [records] if together else [[record] for record in records]:
        await consumer.deliver(uow, *some)
    async with uow(CAUSE) as tx:
        levels = await tx.sql.fetch(
            "SELECT depot, on_hand, reserved, quarantine FROM stock_level WHERE sku = $1 ORDER BY depot", sku
        )
        shares = await tx.sql.fetch(
            """SELECT a.depot, a.reserved, a.deducted, a.returned, r.state FROM allocation a
               JOIN reservation r ON r.id = a.reservation_id WHERE r.order_id = $1
               AND (a.reserved, a.deducted, a.returned) <> (0, 0, 0) ORDER BY a.depot""",
            order,
        )
        await check_books(tx)
    return [tuple(row) for row in levels], [tuple(row) for row in shares]


@given(life=st.sampled_from(LIVES), data=st.data())
@REAL
async def test_b10_an_orders_facts_in_any_order_and_number_end_the_same(
    inventory: UnitOfWork, life: Any, data: st.DataObject
) -> None:
    ends = []
    for way in ("in order", "shuffled", "the last alone", "shuffled, together"):
        sku = f"mug-{new_id()}"
        await given_stock(inventory, {(sku, "main"): 5, (sku, "shop"): 5})
        facts = life(an_order(a_line(sku, 5)))
        records = [told(fact) for fact in facts]
        if way.startswith("shuffled"):
            again = data.draw(st.lists(st.sampled_from(range(len(facts))), max_size=5))
            copies = [told(facts[n]) if n % 2 else records[n] for n in again]  # another fact, or the same twice
            records = data.draw(st.permutations([*records, *copies]))
        elif way == "the last alone":
            records = records[-1:]
        ends.append(await end_of(inventory, records, sku, facts[0].id, together=way.endswith("together")))
    assert ends[0] == ends[1] == ends[2] == ends[3]


STEP = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(["main", "shop"]), st.integers(0, 12)),
    st.tuples(st.just("receive"), st.sampled_from(["main", "shop"]), st.integers(1, 6)),
    st.tuples(st.just("order"), st.booleans(), st.integers(1, 8), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("reopen"), st.integers(0, 9)),
    st.tuples(st.just("grow"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("cut"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("ship"), st.integers(0, 9), st.sampled_from(["main", "shop"]), st.integers(1, 4)),
    st.tuples(st.just("return"), st.integers(0, 9), st.sampled_from(["main", "shop"])),
    st.tuples(st.just("serve")),
)


def happens(step: tuple[Any, ...], orders: list[OrderSnapshot], skus: Sequence[str]) -> OrderSnapshot | None:
    """The order's next version after a step, its place in `orders` kept up to date."""
    if step[0] == "order":
        _, wait, count, extra = step
        lines = [a_line(skus[0], count), *([a_line(skus[0], extra), a_line(skus[1], extra)] if extra else [])]
        orders.append(an_order(*lines, wait=wait, minute=len(orders)))
        return orders[-1]
    if not orders:
        return None
    place: int = step[1] % len(orders)
    before = orders[place]
    line = before.lines[0]
    match step:
        case ("cancel", _):
            orders[place] = then(before, lifecycle=Lifecycle.CANCELLED)
        case ("reopen", _):
            orders[place] = then(before, lifecycle=Lifecycle.OPEN, round=before.round + 1)
        case ("cut", _, count):
            cut = pieces(min(count, (line.ordered - line.cut - line.shipped) // 1000)) + line.cut
            orders[place] = with_first(before, cut=Quantity(cut))
        case ("grow", _, count):
            orders[place] = with_first(before, ordered=Quantity(line.ordered + pieces(count)))
        case ("ship", _, depot, count):
            more = pieces(max(0, min(count, (line.ordered - line.cut - line.shipped) // 1000)))
            gone = line.shipped_from | {depot: Quantity(line.shipped_from.get(depot, 0) + more)}
            orders[place] = with_first(before, shipped=Quantity(line.shipped + more), shipped_from=gone)
        case ("return", _, depot):
            orders[place] = with_first(before, returned=line.shipped, returned_to={depot: line.shipped})
    return orders[place]


def with_first(order: OrderSnapshot, **more: Any) -> OrderSnapshot:
    """The order's next version with another first line."""
    return then(order, lines=(order.lines[0].model_copy(update=more), *order.lines[1:]))


@given(steps=st.lists(STEP, min_size=5, max_size=25))
@REAL
async def test_books_balance_after_every_step_of_any_history(inventory: UnitOfWork, steps: list[Any]) -> None:
    skus = [f"mug-{new_id()}", f"pen-{new_id()}"]
    await given_stock(inventory, {(skus[0], "main"): 3, (skus[0], "shop"): 3, (skus[1], "main"): 2})
    orders: list[OrderSnapshot] = []
    for number, step in enumerate(steps):
        match step:
            case ("set", depot, count):
                await given_stock(inventory, {(skus[0], depot): count})
            case ("receive", depot, count):
                async with inventory(CAUSE) as tx:
                    await stock.receive(tx, depot, dict.fromkeys(skus, count * 1000), f"paper {number}")
            case ("serve",):
                while await serve_waiting(inventory):
                    pass
            case _:
                if (order := happens(step, orders, skus)) is not None:
                    await tell(inventory, order)
        async with inventory(CAUSE) as tx:
            await check_books(tx)
    await said_is_true(inventory, skus)


async def said_is_true(uow: UnitOfWork, skus: Sequence[str]) -> None:
    """What is not covered is what was said not to be, and nobody waits for goods that are his."""
    while await serve_waiting(uow):
        pass
    async with uow(CAUSE) as tx:
        for sku in skus:
            for level in await store.read(tx, [sku]):
                said = await store.uncovered(tx, [Place(sku, level.depot)])
                assert sum(said.values()) == level.shortage
        oldest = await tx.sql.fetchrow(
            """SELECT b.order_id FROM backlog b WHERE b.sku = ANY($1) GROUP BY placed_at, order_id
               ORDER BY placed_at, order_id LIMIT 1""",
            list(skus),
        )
        if oldest is not None:
            lacks = await tx.sql.fetchval(
                """SELECT count(*) FROM backlog b WHERE order_id = $1 AND wanted >
                   (SELECT coalesce(sum(greatest(0, on_hand - reserved - buffer)), 0)
                    FROM stock_level WHERE sku = b.sku)""",
                oldest["order_id"],
            )
            assert lacks, "the oldest waits although all it wants is there"
