"""F94: bank transfer, cash, and cash on delivery; F19: received or not; B9 on what an operator does."""

import asyncio

from libs.contracts.orders import GiveBack, PaymentKind
from libs.events.transaction import new_id
from tests.service.payments.world import Order, World

EUR = {"amount": "120.50", "currency": "EUR"}


async def test_f94_transfer_has_a_reference_of_its_own_and_is_received_when_an_operator_marks_it(world: World) -> None:
    order = Order(PaymentKind.TRANSFER)
    await world.tell(order.created())
    payment = await world.stands(order, "awaiting")
    assert payment["reference"].startswith("RF")
    assert (await world.topics(order)) == ["payment.pending"]
    path = f"/v1/payments/{payment['id']}/received"
    part = await world.post(path, {"amount": {"amount": "100.00", "currency": "EUR"}, "reference": "bank-1"})
    assert (part.status_code, part.json()["status"]) == (200, "partly_received")
    again = await world.post(path, {"amount": {"amount": "20.50", "currency": "EUR"}, "reference": "bank-1"})
    assert again.status_code == 409, "the same transfer is not counted twice"
    rest = await world.post(path, {"amount": {"amount": "20.50", "currency": "EUR"}, "reference": "bank-2"})
    assert (rest.json()["status"], rest.json()["received"]) == ("received", EUR)
    detail = await world.payment(order)
    assert [(line["account"], line["amount"]["amount"]) for line in detail["ledger"]] == [
        ("bank", "100.00"), ("order_receivable", "-100.00"), ("bank", "20.50"), ("order_receivable", "-20.50"),
    ]  # fmt: skip
    assert (await world.topics(order)) == ["payment.pending", "payment.received", "payment.received"]


async def test_f94_more_than_was_due_by_transfer_is_unallocated(world: World) -> None:
    order = Order(PaymentKind.TRANSFER)
    await world.tell(order.created())
    payment = await world.payment(order)
    body = {"amount": {"amount": "121.00", "currency": "EUR"}, "reference": "bank-3"}
    done = await world.post(f"/v1/payments/{payment['id']}/received", body)
    assert done.json()["status"] == "received"
    lines = {line["account"]: line["amount"]["amount"] for line in (await world.payment(order))["ledger"]}
    assert lines == {"bank": "121.00", "order_receivable": "-120.50", "unallocated_cash": "-0.50"}


async def test_f94_cash_is_received_in_the_till(world: World) -> None:
    order = Order(PaymentKind.CASH)
    await world.tell(order.created())
    payment = await world.payment(order)
    assert payment["status"] == "awaiting"
    done = await world.post(f"/v1/payments/{payment['id']}/received", {"amount": EUR})
    assert done.json()["status"] == "received"
    assert {line["account"] for line in (await world.payment(order))["ledger"]} == {"till", "order_receivable"}


async def test_f94_cash_on_delivery_is_due_on_delivery_and_collected_when_delivered(world: World) -> None:
    order = Order(PaymentKind.CASH_ON_DELIVERY, currency="RON")
    await world.tell(order.created(), order.reserved(), order.confirmed(), order.shipped())
    payment = await world.payment(order)
    assert (payment["status"], payment["due_on_delivery"]) == ("awaiting", True)
    assert await world.topics(order) == ["payment.pending"]
    records = await world.tell(order.delivered())
    assert records
    payment = await world.payment(order)
    assert (payment["status"], payment["due_on_delivery"]) == ("received", False)
    assert [(line["account"], line["amount"]["amount"]) for line in payment["ledger"]] == [
        ("cod_clearing:courier", "120.50"),
        ("order_receivable", "-120.50"),
    ]
    assert await world.topics(order) == ["payment.pending", "payment.received"]


async def test_f94_cash_on_delivery_is_not_expected_any_more_when_the_parcel_came_back(world: World) -> None:
    order = Order(PaymentKind.CASH_ON_DELIVERY)
    await world.tell(order.created(), order.shipped(), order.returned())
    payment = await world.payment(order)
    assert (payment["due_on_delivery"], payment["received"]["amount"]) == (False, "0.00")


async def test_what_a_marketplace_collected_is_received_at_once(world: World) -> None:
    order = Order(PaymentKind.EXTERNAL, currency="RON")
    await world.tell(order.created())
    assert (await world.payment(order))["status"] == "received"
    await world.tell(order.cancelled())
    assert (await world.payment(order))["unasked"] is False, "the marketplace gives it back"


async def test_part_f19_received_yes_when_and_how_much(world: World) -> None:
    order = Order()
    unpaid = await world.opened(order)
    assert (unpaid["received"]["amount"], unpaid["received_at"]) == ("0.00", None)
    await world.tell(order.reserved())
    await world.approve(order)
    paid = await world.stands(order, "received")
    assert (paid["received"], paid["received_at"] is not None) == (EUR, True)
    assert paid["provider_ref"] == world.paypal.did("captured")[0]["id"]
    fee = [row for row in await world.said(order) if row[0] == "cost.recorded"]
    assert [(cost["amount"]["amount"], cost["actual"], cost["source"]) for _, cost in fee] == [("4.45", True, "paypal")]


async def test_money_of_a_cancelled_order_that_no_provider_can_give_back_is_told(world: World) -> None:
    order = Order(PaymentKind.TRANSFER)
    await world.tell(order.created(), order.cancelled())
    payment = await world.stands(order, "expired")
    body = {"amount": EUR, "reference": "late"}
    done = await world.post(f"/v1/payments/{payment['id']}/received", body)
    assert (done.json()["status"], done.json()["unasked"]) == ("received", True)
    back = await world.post(f"/v1/payments/{payment['id']}/refunds", {"reason": "paid back by bank"})
    assert (back.status_code, back.json()["status"]) == (202, "succeeded")
    assert (await world.payment(order))["unasked"] is False
    assert (await world.payment(order))["status"] == "refunded"


async def test_a_transfer_that_comes_after_expiry_is_received(world: World) -> None:
    order = Order(PaymentKind.TRANSFER)
    await world.tell(order.created(), order.reserved(), order.expiring(new_id()))
    payment = await world.stands(order, "expired")
    await world.tell(order.cancelled(GiveBack.ASK))
    body = {"amount": EUR, "reference": "late-2"}
    await world.post(f"/v1/payments/{payment['id']}/received", body)
    await world.stands(order, "received", unasked=False)
    assert (await world.topics(order))[-2:] == ["payment.expired", "payment.received"]


async def test_b9_the_same_key_marks_money_once_and_another_body_is_refused(world: World) -> None:
    order = Order(PaymentKind.CASH)
    await world.tell(order.created())
    path = f"/v1/payments/{(await world.payment(order))['id']}/received"
    key = {"Idempotency-Key": "till-7-receipt-12"}
    twice = await asyncio.gather(*(world.api.post(path, json={"amount": EUR}, headers=key) for _ in range(2)))
    assert {reply.status_code for reply in twice} == {200}
    assert twice[0].json() == twice[1].json()
    assert (await world.payment(order))["received"] == EUR
    other = {"amount": {"amount": "1.00", "currency": "EUR"}}
    assert (await world.api.post(path, json=other, headers=key)).status_code == 422
    assert len((await world.payment(order))["operations"]) == 1


async def test_wrong_marks_are_refused_and_name_the_field(world: World) -> None:
    order, paypal = Order(PaymentKind.TRANSFER), Order()
    await world.tell(order.created())
    await world.opened(paypal)
    path = f"/v1/payments/{(await world.payment(order))['id']}/received"
    wrong = [
        ({"amount": EUR}, "reference"),
        ({"amount": {"amount": "120.50", "currency": "RON"}, "reference": "x"}, "amount.currency"),
        ({"amount": {"amount": "-1.00", "currency": "EUR"}, "reference": "x"}, "amount"),
        ({"amount": EUR, "reference": "x", "note": "?"}, "note"),
    ]
    for body, field in wrong:
        reply = await world.post(path, body)
        assert (reply.status_code, [each["field"] for each in reply.json()["errors"]]) == (422, [field])
    by_provider = f"/v1/payments/{(await world.payment(paypal))['id']}/received"
    assert (await world.post(by_provider, {"amount": EUR, "reference": "x"})).status_code == 409
    stale = await world.post(path, {"amount": EUR, "reference": "x"}, **{"If-Match": '"77"'})
    assert stale.status_code == 412
    assert (await world.api.as_role("storefront").post(path, json={"amount": EUR})).status_code == 403
    assert (await world.post(f"/v1/payments/{new_id()}/received", {"amount": EUR})).status_code == 404
    assert (await world.payment(order))["operations"] == []
