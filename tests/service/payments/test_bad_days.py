"""PayPal on a bad day: late, dropped, broken, busy, declined. Money moves once, and the end is the truth."""

from libs.events.transaction import Cause
from libs.service.testing import until
from tests.service.payments.world import Order, World


async def test_a_capture_whose_key_has_died_is_read_before_it_is_asked_for_again(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "drop_after_effect")
    await world.paypal.misbehave("get_order", "error500", times=2)
    await world.tell(order.reserved())
    await world.approve(order)
    await world.paypal.control("keys/expire", {"family": "orders"})
    await world.stands(order, "received")
    await world.settled_webhooks()
    assert len(world.paypal.did("captured")) == 1


async def test_a_capture_that_never_happened_is_started_anew_under_another_key(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "error500")
    await world.paypal.misbehave("get_order", "error500", times=3)
    await world.tell(order.reserved())
    await world.approve(order)
    await until(lambda: world.paypal.asked("capture"))
    async with world.uow(Cause("system:test")) as tx:
        await tx.sql.execute("UPDATE payment_call SET created_at = now() - interval '7 hours' WHERE kind = 'capture'")
    paid = await world.stands(order, "received")
    captures = [op for op in paid["operations"] if op["kind"] == "capture"]
    assert [(op["status"], op["error_code"]) for op in captures] == [("failed", "never_happened"), ("succeeded", None)]
    assert len({row["key"] for row in world.paypal.asked("capture")}) == 2
    assert len(world.paypal.did("captured")) == 1


async def test_a_token_that_died_is_asked_for_once_more(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.control("tokens/expire")
    await world.tell(order.reserved())
    await world.approve(order)
    await world.stands(order, "received")
    assert len(world.paypal.did("captured")) == 1


async def test_a_declined_card_sends_the_buyer_back_and_another_try_is_taken(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "declined")
    await world.tell(order.reserved())
    ref = await world.approve(order)
    again = await world.stands(order, "awaiting")
    assert again["approval_link"].endswith(ref)
    assert again["received"]["amount"] == "0.00"
    await world.settled_webhooks()
    await world.paypal.approve(ref)
    await world.stands(order, "received")
    assert len(world.paypal.did("captured")) == 1


async def test_a_refused_transaction_fails_and_a_new_link_may_be_asked_for(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "declined", extra={"issue": "TRANSACTION_REFUSED"})
    await world.tell(order.reserved())
    await world.approve(order)
    failed = await world.stands(order, "failed")
    assert (await world.topics(order))[-1] == "payment.failed"
    await world.settled_webhooks()
    started = await world.api.as_role("storefront").post(
        f"/v1/payments/{failed['id']}/start", headers={"Idempotency-Key": "again"}
    )
    assert started.status_code == 200
    await world.stands(order, "awaiting")
    await world.approve(order)
    await world.stands(order, "received")


async def test_a_pending_capture_is_not_paid_until_it_completes(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "pending")
    await world.tell(order.reserved())
    await world.approve(order)
    await world.settled_webhooks()
    pending = await world.stands(order, "approved")
    capture = next(op for op in pending["operations"] if op["kind"] == "capture")
    assert (capture["status"], pending["received"]["amount"]) == ("pending", "0.00")
    await world.paypal.control(f"captures/{capture['provider_ref']}/complete")
    paid = await world.stands(order, "received")
    assert [op["status"] for op in paid["operations"] if op["kind"] == "capture"] == ["succeeded"]
    assert len(world.paypal.did("captured")) == 1


async def test_a_pending_capture_that_is_denied_fails_the_payment(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "pending")
    await world.tell(order.reserved())
    await world.approve(order)
    await world.settled_webhooks()
    capture = next(op for op in (await world.payment(order))["operations"] if op["kind"] == "capture")
    await world.paypal.control(f"captures/{capture['provider_ref']}/deny")
    await world.stands(order, "failed")
    assert (await world.payment(order))["received"]["amount"] == "0.00"


async def test_a_late_refusal_takes_nothing_back(world: World) -> None:
    order = Order()
    paid = await world.paid(order)
    capture = {"id": paid["provider_ref"], "status": "DECLINED", "amount": {"value": "120.50", "currency_code": "EUR"}}
    await world.paypal.control(
        "webhooks",
        {"event_type": "PAYMENT.CAPTURE.DENIED", "resource_type": "capture", "resource": capture},
    )
    await world.settled_webhooks()
    await world.stands(order, "received")
    assert "payment.failed" not in await world.topics(order)


async def test_a_cancel_while_the_capture_is_unknown_waits_and_then_gives_back(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.paypal.misbehave("capture", "drop_after_effect")
    await world.paypal.misbehave("PAYMENT.CAPTURE.COMPLETED", "lost")
    await world.tell(order.reserved())
    await world.approve(order)
    await until(lambda: world.paypal.did("captured"))
    await world.tell(order.cancelled())
    await world.stands(order, "refunded", refund_pending=False)
    await world.quiet()
    assert (len(world.paypal.did("captured")), len(world.paypal.did("refunded"))) == (1, 1)


async def test_a_cancel_before_approval_takes_nothing_ever(world: World) -> None:
    order = Order()
    await world.opened(order)
    ref = (await world.payment(order))["approval_link"].rsplit("=", 1)[1]
    await world.tell(order.reserved(), order.cancelled())
    await world.stands(order, "expired")
    await world.paypal.approve(ref)
    await world.settled_webhooks()
    await world.stands(order, "expired")
    assert world.paypal.did("captured") == []


async def test_money_in_a_currency_that_paypal_does_not_take_fails_at_once(world: World) -> None:
    order = Order(currency="RON")
    await world.tell(order.created())
    failed = await world.stands(order, "failed")
    assert "RON" in failed["failure"]
    assert await world.topics(order) == ["payment.failed"]
    assert world.paypal.asked("create") == []


async def test_forints_are_asked_for_without_decimals(world: World) -> None:
    order = Order(currency="HUF", amount="12500.00")
    paid = await world.paid(order)
    assert world.paypal.did("captured")[0]["value"] == "12500"
    assert paid["received"] == {"amount": "12500.00", "currency": "HUF"}


async def test_a_dead_provider_order_is_opened_again_on_request(world: World) -> None:
    order = Order()
    opened = await world.opened(order)
    ref = opened["approval_link"].rsplit("=", 1)[1]
    await world.paypal.control(f"orders/{ref}/expire")
    assert (await world.post(f"/v1/payments/{opened['id']}/look")).status_code == 202
    await world.stands(order, "awaiting", approval_link=None)
    started = await world.post(f"/v1/payments/{opened['id']}/start")
    assert started.status_code == 200
    link = await world.api.as_role("storefront").get("/v1/payments/link", params={"order_id": str(order.id)})
    await world.quiet()
    link = await world.api.as_role("storefront").get("/v1/payments/link", params={"order_id": str(order.id)})
    assert link.status_code == 200
    assert ref not in link.json()["approval_link"]


async def test_a_lost_approval_is_noticed_when_the_buyer_comes_back(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.tell(order.reserved())
    await world.paypal.misbehave("webhook", "lost", times=20)
    ref = await world.approve(order)
    assert (await world.api.as_role("").get("/v1/payments/return", params={"token": ref})).status_code == 202
    await world.stands(order, "received")


async def test_an_order_that_became_dearer_before_it_was_paid_is_asked_for_anew(world: World) -> None:
    order = Order()
    await world.opened(order)
    old = await world.approve(order)
    await world.stands(order, "approved")
    await world.tell(order.changed("150.00"), order.reserved())
    again = await world.stands(order, "awaiting")
    assert again["amount"]["amount"] == "150.00"
    assert old not in again["approval_link"]
    assert world.paypal.did("captured") == []
    await world.approve(order)
    paid = await world.stands(order, "received")
    assert paid["received"]["amount"] == "150.00"


async def test_an_order_that_became_cheaper_after_it_was_paid_gives_the_difference_back(world: World) -> None:
    order = Order()
    await world.paid(order)
    await world.tell(order.changed("100.50"))
    await world.stands(order, "received", refund_pending=False, refunded={"amount": "20.00", "currency": "EUR"})
    assert [row["value"] for row in world.paypal.did("refunded")] == ["20.00"]


async def test_a_payment_that_nobody_tells_us_about_is_asked_for_by_ourselves(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.tell(order.reserved())
    await world.paypal.misbehave("webhook", "lost", times=20)
    await world.approve(order)
    async with world.uow(Cause("system:test")) as tx:
        assert await tx.sql.fetchval("SELECT next_look_at > now() FROM payment")
        await tx.sql.execute("UPDATE payment SET next_look_at = now()")
    await world.stands(order, "received")
