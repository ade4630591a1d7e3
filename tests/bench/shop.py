"""A shop that is open: its channel, methods and stock in fresh databases, and orders by the thousand."""

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

from libs.events.bus import Outgoing
from libs.events.transaction import UnitOfWork, new_id
from libs.service.testing import running
from services.inventory.catalogue import handlers as catalogue
from services.orders.__main__ import service as orders
from tests.bench.load import request
from tests.bench.stage import bearer
from tests.service.inventory.stage import CAUSE, a_line, an_order, given_channel, given_depots, given_stock, told
from tests.service.orders.stage import open_shop
from tests.unit.orders.said import ANA, lei, submitted

PRICE = 25
CUSTOMERS = 997
PLENTY = 10_000_000
_numbers = count(1)


async def open_orders(database: str, bus: str) -> None:
    """A seller, channels and methods, as orders knows them."""
    async with running(orders, database, bus, parts=("api",)) as api:
        await open_shop(api)


async def open_inventory(database: str, skus: list[str], *, depots: tuple[str, ...] = ("main",)) -> None:
    """Depots, the channel, and plenty of every SKU in each depot."""
    uow = UnitOfWork.open(database, "inventory")
    await given_depots(uow, *depots)
    await given_channel(uow, "web", *depots)
    for part in range(0, len(skus), 500):
        chosen = skus[part : part + 500]
        async with uow(CAUSE) as tx:
            await catalogue.upsert_items(tx, {sku: {"name": sku} for sku in chosen})
        await given_stock(uow, {(sku, depot): PLENTY for sku in chosen for depot in depots})
    await uow.close()


def body(lines: int, skus: list[str] | None = None) -> dict[str, Any]:
    """A new order of so many lines, of one of many customers."""
    n = next(_numbers)
    names = skus or ["mug", "plate", "spoon"]
    bought = [
        {"sku": names[(n + line) % len(names)], "name": f"Article {line}", "quantity": "1", "unit_price": lei("25.00")}
        for line in range(lines)
    ]
    delivery = 0 if lines * PRICE >= 500 else 20  # the courier's own rule
    money = {"goods": lines * PRICE, "delivery": delivery, "charges": 0, "discounts": 0}
    totals = {name: lei(f"{amount}.00") for name, amount in (money | {"total": sum(money.values())}).items()}
    who = n % CUSTOMERS
    customer = ANA | {"id": f"c-{who}", "email": f"c{who}@example.ro", "phone": f"07{who:08d}"}
    return submitted(external_id=f"bench-{n}", customer=customer, lines=bought, totals=totals)


def order_requests(number: int, lines: int, skus: list[str] | None = None) -> list[bytes]:
    """So many orders, as bytes of HTTP, each under an Idempotency-Key of its own."""
    made = []
    for _ in range(number):
        order = body(lines, skus)
        headers = {"Authorization": bearer("manager"), "Content_Type": "application/json"}
        headers["Idempotency_Key"] = order["external_id"]
        made.append(request("POST", "/v1/orders", json.dumps(order).encode(), **headers))
    return made


def created_facts(number: int, *skus: str) -> list[Outgoing]:
    """`order.created` of so many orders, each of one piece of these SKUs, as a relay would publish them."""
    facts = []
    for _ in range(number):
        order = an_order(*(a_line(sku, 1) for sku in skus), id=new_id(), placed_at=datetime.now(UTC))
        record = told(order)
        facts.append(Outgoing(record.topic, record.key, record.value, record.headers))
    return facts
