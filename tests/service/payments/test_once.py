"""Many calls of PayPal go wrong, each in its own way; each order's money moves once."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.service.payments.world import Order, World

BAD = [
    "late",
    "drop_after_effect",
    "error500_after",
    "garbage",
    "error500",
    "drop_before",
    "rate_limit",
    "unauthorized",
]


@pytest.fixture
def patience() -> float:
    """Less than the provider is late."""
    return 1


async def given_orders(world: World, how_many: int) -> list[Order]:
    """Orders placed, their links there."""
    orders = [Order() for _ in range(how_many)]
    for order in orders:
        await world.tell(order.created())
    for order in orders:
        await world.stands(order, "awaiting")
    return orders


async def bad_day(world: World, operation: str, hows: list[str]) -> None:
    """The next calls of an operation go wrong, each in its own way."""
    for how in hows:
        await world.paypal.misbehave(operation, how, delay_ms=1500)


def statuses(payment: dict[str, Any], kind: str) -> list[str]:
    return [op["status"] for op in payment["operations"] if op["kind"] == kind]


async def test_captures_that_went_wrong_are_found_out_and_taken_once(world: World) -> None:
    hows = [*BAD, "in_progress"]
    orders = await given_orders(world, len(hows))
    await bad_day(world, "capture", hows)
    for order in orders:
        await world.tell(order.reserved())
        await world.approve(order)
    paid = [await world.stands(order, "received") for order in orders]
    await world.settled_webhooks()
    assert world.paypal.mischief.standing() == [], "every kind of bad day was had"
    captured = [row["custom_id"] for row in world.paypal.did("captured")]
    assert sorted(captured) == sorted(payment["id"] for payment in paid)
    asked = {(row["path"], row["key"]) for row in world.paypal.asked("capture")}
    assert len(asked) == len(orders), "one operation runs under one key"
    assert {tuple(statuses(payment, "capture")) for payment in paid} == {("succeeded",)}
    for order in orders:
        assert (await world.topics(order)).count("payment.received") == 1


async def test_orders_at_the_provider_are_made_once_for_their_key(world: World) -> None:
    await bad_day(world, "create", BAD)
    orders = await given_orders(world, len(BAD))
    await world.quiet()
    assert world.paypal.mischief.standing() == []
    made = [row["custom_id"] for row in world.paypal.did("order_created")]
    assert sorted(made) == sorted([(await world.payment(order))["id"] for order in orders])


async def test_refunds_that_went_wrong_are_found_out_and_paid_once(world: World) -> None:
    orders = await given_orders(world, len(BAD))
    for order in orders:
        await world.tell(order.reserved())
        await world.approve(order)
    for order in orders:
        await world.stands(order, "received")
    await bad_day(world, "refund", BAD)
    for order in orders:
        await world.tell(order.cancelled())
    refunded = [await world.stands(order, "refunded", refund_pending=False) for order in orders]
    await world.settled_webhooks()
    assert world.paypal.mischief.standing() == []
    assert len(world.paypal.did("refunded")) == len(orders)
    assert {tuple(statuses(payment, "refund")) for payment in refunded} == {("succeeded",)}


async def test_b10_with_a_fifth_of_all_calls_going_wrong_money_still_moves_once(world: World) -> None:
    await world.paypal.control("chaos", {"share": 0.2, "seed": 18})
    orders = await given_orders(world, 20)
    for order in orders:
        await world.tell(order.reserved())
        await world.approve(order)
    for order in orders:
        await world.stands(order, "received")
    cancelled = orders[::2]
    for order in cancelled:
        await world.tell(order.cancelled())
    for order in cancelled:
        await world.stands(order, "refunded", refund_pending=False)
    await world.settled_webhooks()
    by_payment = Counter(row["custom_id"] for row in world.paypal.did("captured"))
    assert sorted(by_payment) == sorted([(await world.payment(order))["id"] for order in orders])
    assert set(by_payment.values()) == {1}
    assert len(world.paypal.did("refunded")) == len(cancelled)
    balances = (await world.api.get("/v1/ledger/balances")).json()
    assert sum(Decimal(row["balance"]["amount"]) for row in balances) == 0
