"""Races for money: taken once, given back once and never more, whoever asks at the same moment."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from libs.events.testing import record_of
from libs.events.transaction import new_id
from libs.service.testing import until
from services.payments.consumers import consumer
from tests.service.payments.world import Order, World
from tests.service.races.stage import at_once, held, rows, value, waiting

WRITE = """
INSERT INTO payment_operation (id, payment_id, parent_id, kind, status, amount_minor, currency, provider, actor)
VALUES ($1, $2, $3, 'refund', 'initiated', 7000, 'EUR', 'paypal', 'system:test') RETURNING id
"""
LOCK = "SELECT FROM payment WHERE order_id = $1 FOR UPDATE"


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


async def balanced(payments: World) -> None:
    """Every cent of the ledger stands twice."""
    balances = (await payments.api.get("/v1/ledger/balances")).json()
    assert sum(Decimal(row["balance"]["amount"]) for row in balances) == 0


async def refund(payments: World, payment_id: str, amount: str | None) -> int:
    body = {"amount": eur(amount) if amount else None, "reason": "race"}
    return (await payments.post(f"/v1/payments/{payment_id}/refunds", body)).status_code


async def being_captured(payments: World, url: str) -> Order:
    """An order whose buyer has approved, and whose capture PayPal takes its time about; only its answer will tell."""
    order = Order()
    await payments.opened(order)
    await payments.paypal.misbehave("capture", "slow", delay_ms=2500)
    await payments.paypal.misbehave("PAYMENT.CAPTURE.COMPLETED", "lost", times=5)
    await payments.tell(order.reserved())
    await payments.approve(order)
    claimed = "SELECT EXISTS (SELECT FROM payment_call WHERE kind = 'capture' AND call_state = 'claimed')"
    await until(lambda: value(url, claimed))
    return order


async def waits(url: str, number: int) -> None:
    async def there() -> bool:
        return await waiting(url) >= number

    await until(there, why=f"{number} waiting")


async def test_ten_refunds_at_once_never_give_back_more_than_was_taken(payments: World, payments_url: str) -> None:
    """Six of 20.00 fit into 120.50.

    Guards: `FOR NO KEY UPDATE` of `payments.store.locked`, without which all ten find the money untouched; and behind
    it the trigger `refund_within_its_capture`. Without the first the trigger turns the surplus into errors; without
    both ten are written and PayPal is asked for 200.00.
    """
    order = Order()
    payment = await payments.paid(order)
    done = await at_once(payments_url, LOCK, order.id, acts=[lambda: refund(payments, payment["id"], "20.00")] * 10)
    assert Counter(done) == {202: 6, 409: 4}
    await payments.stands(order, "partly_refunded", refund_pending=False, refunded=eur("120.00"))
    await payments.settled_webhooks()
    assert sum(Decimal(row["value"]) for row in payments.paypal.did("refunded")) == 120
    await balanced(payments)


async def test_the_second_guard_refuses_a_refund_above_its_capture_to_whoever_forgot_the_lock(
    payments: World, payments_url: str
) -> None:
    """Two transactions that lock no payment write a refund of 70.00 each; the second waits for the first, and fails.

    Guard: the trigger `refund_within_its_capture`, with its lock of the capture: without the lock neither sees the
    other's refund.
    """
    order = Order()
    payment = await payments.paid(order)
    capture = next(op["id"] for op in payment["operations"] if op["kind"] == "capture")

    def values() -> tuple[UUID, UUID, UUID]:
        return new_id(), UUID(payment["id"]), UUID(capture)

    async def write() -> str:
        try:
            await rows(payments_url, WRITE, *values())
        except asyncpg.CheckViolationError as refusal:
            return str(refusal).split(" ", 2)[2]
        return "written"

    assert await at_once(payments_url, WRITE, *values(), acts=[write]) == ["would give back 14000 of 12050"]
    await rows(payments_url, "DELETE FROM payment_operation WHERE status = 'initiated' RETURNING id")


@pytest.mark.parametrize("first", ["cancel", "capture"])
async def test_part_b10_a_cancel_against_a_payment_gives_back_what_was_taken(
    payments: World, payments_url: str, first: str
) -> None:
    """The order is cancelled while PayPal's yes to the capture is written down, in either order.

    Guard: `FOR NO KEY UPDATE` of `payments.store.locked` and `locked_of_order`. Without it the cancel has seen no money
    and the capture no cancel: the shop keeps the money of a cancelled order.
    """
    order = await being_captured(payments, payments_url)
    record = record_of(order.cancelled())
    async with held(payments_url, LOCK, order.id):
        if first == "capture":
            await waits(payments_url, 1)
        cancel = asyncio.create_task(consumer.deliver(payments.uow, record))
        await waits(payments_url, 2)
        assert payments.paypal.did("captured")
    await cancel
    await payments.stands(order, "refunded", refund_pending=False)
    await payments.quiet()
    assert (len(payments.paypal.did("captured")), len(payments.paypal.did("refunded"))) == (1, 1)
    await balanced(payments)


@pytest.mark.parametrize("first", ["expiring", "capture"])
async def test_an_expiry_against_a_payment_is_answered_by_the_money(
    payments: World, payments_url: str, first: str
) -> None:
    """The deadline's question comes while PayPal's yes to the capture is written down, in either order.

    Guard: the same lock. Without it the question, coming second, writes the payment as it was before the capture;
    coming first it does no harm.
    """
    order = await being_captured(payments, payments_url)
    request = new_id()
    record = record_of(order.expiring(request))
    async with held(payments_url, LOCK, order.id):
        if first == "capture":
            await waits(payments_url, 1)
        ask = asyncio.create_task(consumer.deliver(payments.uow, record))
        await waits(payments_url, 2)
        assert payments.paypal.did("captured")
    await ask
    await payments.stands(order, "received")

    async def answered() -> bool:
        return any(said.get("answered_expiring") == str(request) for _, said in await payments.said(order))

    await until(answered, why="the question is answered")
    said = await payments.said(order)
    assert "payment.expired" not in [topic for topic, _ in said]
    assert said[-1][1]["status"] == "received"
    assert len(payments.paypal.did("captured")) == 1


async def test_refunds_against_a_capture_that_is_being_written_down(payments: World, payments_url: str) -> None:
    """Five ask for the money before PayPal's yes is written down and five after: one of the later gets all of it.

    Guard: `FOR NO KEY UPDATE` of `payments.store.locked`. Without it the later five judge the payment as it was
    before the capture, or each as it was before the others.
    """
    order = await being_captured(payments, payments_url)
    payment_id = (await payments.payment(order))["id"]
    async with held(payments_url, LOCK, order.id):
        early = [asyncio.create_task(refund(payments, payment_id, None)) for _ in range(5)]
        await waits(payments_url, 5)
        assert not payments.paypal.did("captured")
        await waits(payments_url, 6)
        assert payments.paypal.did("captured")
        late = [asyncio.create_task(refund(payments, payment_id, None)) for _ in range(5)]
        await waits(payments_url, 11)
    assert Counter(await asyncio.gather(*early)) == {409: 5}
    assert Counter(await asyncio.gather(*late)) == {202: 1, 409: 4}
    await payments.stands(order, "refunded", refund_pending=False)
    await payments.quiet()
    assert (len(payments.paypal.did("captured")), len(payments.paypal.did("refunded"))) == (1, 1)
    await balanced(payments)


async def test_a_webhook_fifty_times_at_once_is_kept_once(payments: World, payments_url: str) -> None:
    """Fifty deliveries of one event, while nothing can be kept; `test_intake` has the race inside the database.

    Guards: unique `webhook_event` with `ON CONFLICT DO NOTHING` of `webhooks.store.keep`. Without `ON CONFLICT` all
    fail, without the constraint fifty are kept. Behind them the unique reference of an operation at its provider
    keeps the money right.
    """
    order = Order()
    paid = await payments.paid(order)
    event = (await lost_events(payments, paid, refunds=1))[0]
    async with held(payments_url, "LOCK TABLE webhook_inbox IN SHARE MODE"):
        tasks = [asyncio.create_task(deliver(payments, event)) for _ in range(50)]
        await waits(payments_url, 1)
    assert Counter(await asyncio.gather(*tasks)) == {200: 50}
    await payments.stands(order, "partly_refunded", refunded=eur("10.00"))
    await once_each(payments, payments_url, paid, [event], refunds=1)


async def test_part_b10_webhooks_fifty_times_each_at_once_and_backwards_end_the_same(
    payments: World, payments_url: str
) -> None:
    """Three refunds that only webhooks tell of, the last one first, each fifty times. The same guards."""
    order = Order()
    paid = await payments.paid(order)
    events = await lost_events(payments, paid, refunds=3)
    deliveries = [deliver(payments, event) for _ in range(50) for event in reversed(events)]
    assert Counter(await asyncio.gather(*deliveries)) == {200: 150}
    await payments.stands(order, "partly_refunded", refunded=eur("30.00"))
    await once_each(payments, payments_url, paid, events, refunds=3)


async def deliver(payments: World, event: str) -> int:
    """Deliver an event as PayPal would: signed, under a delivery of its own."""
    transmission = (str(uuid4()), f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    sender = payments.paypal.webhooks
    headers, body = sender._sealed(sender.events[event]["body"].encode(), None, transmission)
    return (await payments.api.as_role("").post("/v1/webhooks/paypal", content=body, headers=headers)).status_code


async def lost_events(payments: World, paid: dict[str, Any], *, refunds: int) -> list[str]:
    """Refunds made in PayPal's own pages, whose events got lost; the events, oldest first."""
    await payments.settled_webhooks()
    known = set(payments.paypal.webhooks.events)
    await payments.paypal.misbehave("webhook", "lost", times=20)
    body = {"amount": {"value": "10.00", "currency_code": "EUR"}}
    for _ in range(refunds):
        await payments.at_paypal(f"/v2/payments/captures/{paid['provider_ref']}/refund", body)
    await until(lambda: len(set(payments.paypal.webhooks.events) - known) == refunds)
    return [event for event in payments.paypal.webhooks.events if event not in known]


async def once_each(payments: World, url: str, paid: dict[str, Any], events: list[str], *, refunds: int) -> None:
    """Each event was kept and taken in once, and each refund is one operation and one entry."""
    await payments.quiet()
    kept = Counter(row["event_id"] for row in await payments.inbox())
    assert {event: kept[event] for event in events} == dict.fromkeys(events, 1)
    assert set(kept.values()) == {1}
    operations = "SELECT count(*) FROM payment_operation WHERE payment_id = $1 AND kind = 'refund'"
    assert await value(url, operations, UUID(paid["id"])) == refunds
    assert await value(url, "SELECT count(*) FROM ledger_entry WHERE kind = 'refund'") == refunds
    await balanced(payments)
