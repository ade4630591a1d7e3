"""Money that goes back: by a person, by PayPal's own pages, by the bank; never more than was taken."""

import asyncio

from libs.contracts.orders import GiveBack
from libs.service.testing import until
from tests.service.payments.world import Order, World


async def test_money_that_the_shop_gave_back_at_paypal_is_known_here_too(world: World) -> None:
    order = Order()
    paid = await world.paid(order)
    body = {"amount": {"value": "20.50", "currency_code": "EUR"}}
    await world.at_paypal(f"/v2/payments/captures/{paid['provider_ref']}/refund", body)
    found = await world.stands(order, "partly_refunded")
    assert found["refunded"]["amount"] == "20.50"
    assert (await world.topics(order))[-1] == "payment.refunded"


async def test_a_chargeback_and_a_dispute_are_told(world: World) -> None:
    order = Order()
    capture = (await world.paid(order))["provider_ref"]
    await world.paypal.control(f"captures/{capture}/dispute", {"dispute_id": "PP-1"})
    open_ = await world.stands(order, "received", dispute="open")
    assert open_["disputed"]["amount"] == "120.50"
    assert (await world.topics(order))[-1] == "payment.disputed"
    await world.paypal.control(f"captures/{capture}/dispute", {"dispute_id": "PP-1", "type": "RESOLVED"})
    await world.stands(order, "received", dispute="won", disputed={"amount": "0.00", "currency": "EUR"})
    await world.paypal.control(f"captures/{capture}/reverse")
    lost = await world.stands(order, "received", disputed={"amount": "120.50", "currency": "EUR"})
    assert [op["kind"] for op in lost["operations"]] == ["create", "capture", "chargeback"]
    assert ("dispute_loss", "120.50") in [(line["account"], line["amount"]["amount"]) for line in lost["ledger"]]
    await world.tell(order.cancelled(GiveBack.ALL))
    await world.settled_webhooks()
    assert world.paypal.did("refunded") == [], "what the bank took is not given back a second time"


async def test_a_refund_that_fails_later_is_told_and_not_repeated(world: World) -> None:
    order = Order()
    await world.paid(order)
    await world.paypal.misbehave("refund", "pending")
    await world.tell(order.cancelled())
    await world.stands(order, "received", refund_pending=True)
    await until(lambda: world.paypal.did("refunded"))
    refund = world.paypal.did("refunded")[0]["id"]
    await world.paypal.control(f"refunds/{refund}/fail")
    await world.stands(order, "received", refund_pending=False, unasked=True)
    await world.settled_webhooks()
    assert len(world.paypal.did("refunded")) == 1, "a person decides what then"


async def test_refunds_by_a_person_never_exceed_what_is_left(world: World) -> None:
    order = Order()
    payment = await world.paid(order)
    path = f"/v1/payments/{payment['id']}/refunds"
    part = {"amount": {"amount": "100.00", "currency": "EUR"}, "reason": "broken mug"}
    assert (await world.api.as_role("operator").post(path, json=part)).status_code == 403
    assert (await world.post(path, part)).status_code == 202
    over = await world.post(path, part)
    assert (over.status_code, "20.50 EUR" in over.json()["detail"]) == (409, True)
    await world.stands(order, "partly_refunded", refund_pending=False)
    assert (await world.post(path, {"reason": "the rest"})).status_code == 202
    await world.stands(order, "refunded", refund_pending=False)
    assert sorted(row["value"] for row in world.paypal.did("refunded")) == ["100.00", "20.50"]
    assert (await world.post(path, {"reason": "more"})).status_code == 409


async def test_two_refunds_at_once_do_not_give_back_more_than_was_taken(world: World) -> None:
    order = Order()
    payment = await world.paid(order)
    path = f"/v1/payments/{payment['id']}/refunds"
    body = {"amount": {"amount": "70.00", "currency": "EUR"}, "reason": "twice"}
    statuses = await asyncio.gather(*(world.post(path, body) for _ in range(2)))
    assert sorted(reply.status_code for reply in statuses) == [202, 409]
    await world.stands(order, "partly_refunded", refund_pending=False)
    assert [row["value"] for row in world.paypal.did("refunded")] == ["70.00"]
