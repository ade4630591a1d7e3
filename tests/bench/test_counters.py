"""The part of speed that gates: how many statements each step takes, counted, whatever the size of what it handles.

A change that needs fewer lowers the number here; one that needs more says why.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.contracts.orders import OrderCreated
from libs.events.consumer import Consumer
from libs.events.open_bus import open_bus
from libs.events.relay import Relay
from libs.events.testing import record_of
from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.testing import ServiceClient, running, until
from services.inventory.consumers import consumer as inventory
from services.orders.__main__ import service as orders
from services.orders.consumers import consumer as learning
from services.orders.desk.lists import page
from services.orders.desk.narrowing import Filters
from tests.bench.grown import ORDERS, grow
from tests.bench.relaying import fill
from tests.bench.shop import body, created_facts, open_inventory, open_orders
from tests.bench.stage import make_topics
from tests.bench.statements import Statements
from tests.databases import Databases
from tests.service.inventory.stage import a_line, an_order, told
from tests.unit.orders.said import Said

SIZES = (1, 10, 200)
PLACE = 14  # one of them asks for the rules of what the order says, the last writes what lists know of it
RESERVE = 12
LEARN = 9  # one of them asks for the rules of what was heard, the last writes what lists know of the order
DELIVER = 3
RELAY = 3
APPEND = 2
GROWING = (
    *("orders", "order_line", "order_list", "order_search", "order_event", "customer", "channel_customer", "outbox"),
    "idempotency_key",
)
_ROWS_READ = """
SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables
WHERE relname IN ('orders', 'order_list', 'order_search')
"""


@pytest.fixture
async def bus_url(database: Databases) -> str:
    """An embedded log with every topic."""
    url = await database("bus")
    await make_topics(url)
    return url


@pytest.fixture
async def orders_url(database: Databases, bus_url: str) -> str:
    """Orders' database, the shop open."""
    url = await database("orders")
    await open_orders(url, bus_url)
    return url


@pytest.fixture
async def api(orders_url: str, bus_url: str, statements: Statements) -> AsyncIterator[ServiceClient]:
    """Orders' API on one connection, so that it is warm from the second call on."""
    async with running(orders, orders_url, bus_url, parts=("api",), pool_size=2) as client:
        yield client


async def submit(api: ServiceClient, lines: int, *, keyed: bool = True) -> str:
    """Place an order, usually under its Idempotency-Key; its id."""
    order = body(lines)
    headers = {"Idempotency-Key": order["external_id"]} if keyed else {}
    answer = await api.post("/v1/orders", json=order, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def placed(api: ServiceClient, lines: int) -> dict[str, Any]:
    """An order that was placed, read whole."""
    whole: dict[str, Any] = (await api.get(f"/v1/orders/{await submit(api, lines)}")).json()
    return whole


async def place(api: ServiceClient, url: str, statements: Statements, lines: int) -> list[str]:
    """What placing an order asks of the database."""
    await statements.of(url)
    await submit(api, lines)
    return await statements.of(url)


async def test_placing_an_order_takes_the_same_few_statements_whatever_its_lines(
    api: ServiceClient, orders_url: str, statements: Statements
) -> None:
    await place(api, orders_url, statements, 2)
    asked = [await place(api, orders_url, statements, lines) for lines in SIZES]
    assert len({len(each) for each in asked}) == 1, asked
    assert len(asked[0]) <= PLACE, asked[0]


async def test_placing_reads_no_table_whole_though_it_was_planned_while_there_was_nothing_in_it(
    api: ServiceClient, orders_url: str
) -> None:
    for keyed in (True, False):
        for _ in range(30):
            await submit(api, 2, keyed=keyed)
    read = await _read_whole(api, orders_url, 60)
    assert not any(read.values()), read


async def _read_whole(api: ServiceClient, url: str, placed: int) -> dict[str, int]:
    """How many rows each growing table was read without an index, so far."""
    own = await asyncpg.connect(url)

    async def told() -> Any:  # a session says what it did once a second, or when it is asked
        await asyncio.gather(*(api.context.uow.fetch("SELECT pg_stat_force_next_flush()") for _ in range(2)))
        return await own.fetchval("SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'orders'") == placed

    await until(told)
    rows = await own.fetch("SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY($1)", GROWING)
    await own.close()
    assert len(rows) == len(GROWING), rows
    return {row["relname"]: row["seq_tup_read"] for row in rows}


async def test_reserving_takes_the_same_few_statements_whatever_its_lines(
    database: Databases, statements: Statements
) -> None:
    url = await database("inventory")
    skus = [f"sku-{n}" for n in range(max(SIZES))]
    await open_inventory(url, skus)
    uow = UnitOfWork.open(url, "inventory", pool_size=1)
    asked = []
    for lines in (2, *SIZES):
        record = told(an_order(*(a_line(sku, 1) for sku in skus[:lines])))
        await statements.of(url)
        assert await inventory.deliver(uow, record) == 1
        asked.append(await statements.of(url))
    await uow.close()
    assert len({len(each) for each in asked[1:]}) == 1, asked
    assert len(asked[1]) <= RESERVE, asked[1]


async def test_learning_that_an_order_is_reserved_takes_the_same_few_statements_whatever_its_lines(
    api: ServiceClient, orders_url: str, statements: Statements
) -> None:
    asked = []
    for lines in (2, *SIZES):
        said = Said(await placed(api, lines))
        record = record_of(said.stock("reserved"), noun="reservation")
        await statements.of(orders_url)
        assert await learning.deliver(api.context.uow, record) == 1
        asked.append(await statements.of(orders_url))
    assert len({len(each) for each in asked[1:]}) == 1, asked
    assert len(asked[1]) <= LEARN, asked[1]


async def test_learning_of_many_orders_takes_as_many_statements_as_of_one(
    api: ServiceClient, orders_url: str, statements: Statements
) -> None:
    asked = []
    for many in (2, 1, 5, 20):
        records = [record_of(Said(await placed(api, 1)).stock("reserved"), noun="reservation") for _ in range(many)]
        await statements.of(orders_url)
        assert await learning.deliver(api.context.uow, *records) == many
        asked.append(await statements.of(orders_url))
    assert len({len(each) for each in asked[1:]}) == 1, asked
    assert 0 < len(asked[1]) <= LEARN, asked[1]


@pytest.mark.parametrize("facts", [1, 20])
async def test_taking_facts_costs_one_transaction_and_one_look_into_the_inbox_beside_their_effect(
    database: Databases, statements: Statements, facts: int
) -> None:
    url = await database("inventory")
    uow, consumer = UnitOfWork.open(url, "inventory", pool_size=1), Consumer("bench")

    @consumer.on(OrderCreated)
    async def nothing(tx: Transaction, event: OrderCreated) -> None:
        """Has no effect."""

    for again in range(3):
        records = [told(an_order(a_line("mug", 1))) for _ in range(facts)]
        await statements.of(url)
        assert await consumer.deliver(uow, *records) == facts
        asked = await statements.of(url)
        assert await consumer.deliver(uow, *records) == 0
        assert len(await statements.of(url)) == len(asked)
        assert len(asked) <= DELIVER or not again, asked
    await uow.close()


@pytest.mark.parametrize("rows", [1, 400])
async def test_relaying_takes_one_read_and_one_write_for_a_batch(
    database: Databases, bus_url: str, statements: Statements, rows: int
) -> None:
    url, bus = await database("orders"), open_bus(bus_url)
    [fact] = created_facts(1, "mug")
    connection = await asyncpg.connect(url)
    await fill(connection, fact, rows)
    await connection.close()
    await statements.of(url)
    assert await Relay(url, "orders", bus, feed=("order.created",)).drain() == rows
    await bus.close()
    asked = list(statements.asked)
    here = await statements.of(url)
    assert len(here) <= 1 + RELAY, here  # the lock, then read, move, and read that nothing waits
    assert len(asked) - len(here) <= APPEND, asked


@pytest.mark.parametrize("shown", [{}, {"lifecycle": "open"}, {"lifecycle": "cancelled"}, {"hold": "fraud"}], ids=str)
async def test_a_list_reads_what_it_shows_however_many_orders_there_are(
    api: ServiceClient, orders_url: str, shown: dict[str, Any]
) -> None:
    example = await placed(api, 1)
    await grow(orders_url, ORDERS, UUID(str(example["id"])), 0, 5000)
    async with api.context.uow(Cause("system:test")) as tx:
        found = await page(tx, Filters(**shown), None, 50)
        read = await tx.sql.fetchval(_ROWS_READ)
    assert len(found) == (0 if shown.keys() & {"hold"} or "cancelled" in shown.values() else 50)
    assert read <= 4 * 50, f"{read} rows of orders read to show {len(found)}"
