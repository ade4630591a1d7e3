"""Expiry against payment while the broker is away: whoever paid is not expired, whatever was said meanwhile."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.common import Money
from libs.service.testing import ServiceClient, running, until
from services.orders.__main__ import service
from tests.databases import Databases
from tests.service.orders.stage import WEB, hear, open_shop
from tests.service.payments.world import World
from tests.service.races.stage import make_topics, rows, value
from tests.service.races.wire import Wire, wired
from tests.unit.orders.said import Said, delivery_method, submitted


@pytest.fixture
async def broker(database: Databases) -> AsyncIterator[Wire]:
    """The wire to the log, by which everybody reaches it."""
    async with wired(await database("racesbus", make_topics)) as wire:
        yield wire


@pytest.fixture
async def bus_url(broker: Wire) -> str:
    return broker.url


def in_euro(order: dict[str, Any]) -> dict[str, Any]:
    """What was submitted, every amount of it in EUR, which PayPal takes."""
    euro: dict[str, Any] = json.loads(json.dumps(order).replace('"RON"', '"EUR"'))
    return euro | {"channel": "eu", "delivery_method": "eu"}


async def reserved(api: ServiceClient) -> dict[str, Any]:
    """An order in EUR whose goods are reserved, as payments hears of it by the bus."""
    await open_shop(api)
    assert (await api.post("/v1/channels", json={**WEB, "code": "eu", "currency": "EUR"})).status_code == 201
    await hear(api, delivery_method("eu", price=Money.parse("20.00", "EUR"), free_from=None))
    answer = await api.post("/v1/orders", json=in_euro(submitted()))
    assert answer.status_code == 201, answer.text
    order: dict[str, Any] = (await api.get(f"/v1/orders/{answer.json()['id']}")).json()
    await hear(api, Said(order).stock("reserved"))
    return order


async def test_part_b10_an_order_paid_at_its_deadline_while_the_broker_is_away_is_confirmed(
    payments: World, payments_url: str, orders_url: str, bus_url: str, broker: Wire
) -> None:
    """The deadline fires and the buyer pays while no fact travels; then questions and answers arrive in any order.

    Guards: at the deadline `handlers.ask_for_money` only asks, and `steps.answer_expiring` answers by the money, under
    the payment's lock. Where the deadline cancels by itself, the order of somebody who paid is cancelled.
    """
    async with running(service, orders_url, bus_url, deadlines_every=0.2) as api:
        order = await reserved(api)
        order_id = UUID(order["id"])
        known = (
            "SELECT coalesce((SELECT (snapshot->>'reserved_once')::bool FROM known_order WHERE order_id = $1), false)"
        )
        await until(lambda: value(payments_url, known, order_id))
        link = "SELECT approval_link FROM payment WHERE order_id = $1"
        approval: str = await until(lambda: value(payments_url, link, order_id))
        broker.refuse()
        await rows(orders_url, "UPDATE orders SET reserve_until = now() RETURNING id")
        asked = "SELECT expiring IS NOT NULL FROM orders WHERE id = $1"
        await until(lambda: value(orders_url, asked, order_id))
        await payments.paypal.approve(approval.rsplit("token=", 1)[1])
        paid = "SELECT status = 'received' FROM payment WHERE order_id = $1"
        await until(lambda: value(payments_url, paid, order_id))
        assert await value(orders_url, "SELECT lifecycle || ' ' || payment FROM orders") == "open pending"
        waits = "SELECT array_agg(DISTINCT type) FROM outbox WHERE type LIKE '%.expiring' OR type LIKE '%.received'"
        assert await value(orders_url, waits) == ["order.expiring"]
        assert await value(payments_url, waits) == ["payment.received"]
        broker.let_in()
        confirmed = "SELECT lifecycle = 'confirmed' FROM orders WHERE id = $1"
        await until(lambda: value(orders_url, confirmed, order_id))
        # Not that payments answered: where it hears of the confirmation first, the question is over by then.
        settled = """SELECT k.snapshot->>'lifecycle' = 'confirmed' AND p.status = 'received'
                            AND NOT EXISTS (SELECT FROM outbox)
                     FROM payment p JOIN known_order k USING (order_id) WHERE p.order_id = $1"""
        await until(lambda: value(payments_url, settled, order_id))
        await payments.settled_webhooks()
    said = {row["type"] for row in await rows(orders_url, "SELECT type FROM outbox_sent UNION SELECT type FROM outbox")}
    assert {"order.expiring", "order.confirmed"} <= said
    assert "order.cancelled" not in said
    assert await value(payments_url, "SELECT count(*) FROM outbox_sent WHERE type = 'payment.expired'") == 0
    assert [Decimal(row["value"]) for row in payments.paypal.did("captured")] == [Decimal("110.00")]
    assert payments.paypal.did("refunded") == []
