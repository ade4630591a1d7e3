"""Facts of many orders at once: each gets what it would get alone, because of its own fact, for the same effort."""

from collections import Counter
from uuid import UUID

import asyncpg
import pytest

from libs.contracts.orders import OrderSnapshot
from libs.events.consumer import RefusedFact
from libs.events.transaction import UnitOfWork
from services.inventory.consumers import consumer
from services.inventory.reservations import handlers
from tests.service.inventory.stage import (
    CAUSE,
    a_line,
    an_order,
    given_depots,
    given_stock,
    levels,
    state_of,
    states,
    tell,
    then,
    told,
)

SAID = """SELECT ce_correlationid, ce_causationid, payload::jsonb->'reservation'->>'order_id' AS about
          FROM outbox WHERE type = $1"""


async def said(uow: UnitOfWork, topic: str) -> list[asyncpg.Record]:
    return await uow.fetch(SAID, topic)


async def test_what_is_said_of_an_order_follows_from_the_fact_that_brought_it(inventory: UnitOfWork) -> None:
    """Guard: `causes` of `emit_all`. With the transaction's cause all would follow from the last fact."""
    await given_depots(inventory, "home")
    await given_stock(inventory, {("mug", "home"): 10, ("cup", "home"): 10})
    orders = [an_order(a_line("mug" if n % 2 else "cup", 1)) for n in range(6)]
    records = {order.id: told(order) for order in orders}
    assert await consumer.deliver(inventory, *records.values()) == 6
    found = {UUID(row["about"]): row for row in await said(inventory, "stock.reserved")}
    assert set(found) == set(records)
    for order, record in records.items():
        headers = dict(record.headers)
        assert str(found[order]["ce_causationid"]).encode() == headers["ce_id"]
        assert str(found[order]["ce_correlationid"]).encode() == headers["ce_correlationid"]
    moved = {row["ce_causationid"] for row in await said(inventory, "stock.changed") if row["ce_causationid"]}
    assert moved == {found[order.id]["ce_causationid"] for order in orders[-2:]}  # a level once, by who moved it last


async def test_scarce_goods_go_to_whoever_is_told_of_first_and_who_waits_is_not_overtaken(
    inventory: UnitOfWork,
) -> None:
    await given_depots(inventory, "home")
    await given_stock(inventory, {("mug", "home"): 3})
    waits = an_order(a_line("mug", 2), minute=1, wait=True)
    orders = [an_order(a_line("mug", 2)), waits, an_order(a_line("mug", 1), minute=2), an_order(a_line("mug", 1))]
    await consumer.deliver(inventory, *map(told, orders))
    assert [await state_of(inventory, order) for order in orders] == ["reserved", "waiting", "rejected", "reserved"]
    assert await levels(inventory) == {("mug", "home"): (3, 3)}


async def test_one_that_no_depot_can_serve_spoils_only_itself(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "home")
    await given_stock(inventory, {("mug", "home"): 5})
    await tell(inventory, old := an_order(a_line("mug", 1)))
    strange = then(old, line={"shipped": 1, "shipped_from": {"nowhere": 1}})
    orders = [an_order(a_line("mug", 1)), strange, an_order(a_line("mug", 1))]
    first, bad, last = map(told, orders)
    with pytest.raises(RefusedFact):
        await consumer.deliver(inventory, first, bad, last)
    assert await states(inventory) == Counter(reserved=1)
    await consumer.deliver(inventory, first)  # one by one, as the worker goes on
    with pytest.raises(RefusedFact):
        await consumer.deliver(inventory, bad)
    await consumer.deliver(inventory, last)
    assert await states(inventory) == Counter(reserved=3)


async def test_many_orders_cost_as_many_statements_as_one(inventory: UnitOfWork) -> None:
    await given_depots(inventory, "home")
    await given_stock(inventory, {(sku, "home"): 99 for sku in ("mug", "cup", "jug")})
    await tell(inventory, an_order(a_line("mug", 1)))  # a connection's first statements ask about types
    one = await statements_of(inventory, [an_order(a_line("mug", 1))])
    assert await statements_of(inventory, [an_order(a_line("mug", 1), a_line("cup", 1), a_line("jug", 1))]) == one
    several = [an_order(a_line("mug", 1), a_line("cup", 2)) for _ in range(20)]
    assert await statements_of(inventory, several) == one


async def statements_of(uow: UnitOfWork, orders: list[OrderSnapshot]) -> int:
    run: list[str] = []
    async with uow(CAUSE) as tx:
        with tx.sql.query_logger(lambda said: run.append(said.query)):
            await handlers.bring(tx, [(order, CAUSE) for order in orders])
    return len(run)
