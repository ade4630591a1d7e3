"""After a restore: what the provider moved since the backup is found out, and nothing of it is moved again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.events.transaction import Cause, new_id
from libs.service import restoring
from libs.service.testing import ServiceClient, running, until
from services.payments.__main__ import service
from services.payments.providers.paypal import PayPal
from services.payments.restore import restore
from tests.service.payments.world import Order, World
from tests.standins.paypal.app import PayPalStandIn


def settings(paypal: PayPalStandIn) -> dict[str, Any]:
    return {
        "paypal_base_url": paypal.url, "paypal_client_id": paypal.client_id,
        "paypal_client_secret": paypal.client_secret, "paypal_webhook_id": paypal.webhook_id,
        "paypal_within": 20, "look_up_after": 0.2, "look_up_grace": 0.3, "settle_every": 0.3,
    }  # fmt: skip


async def calls(api: ServiceClient) -> list[dict[str, Any]]:
    async with api.context.uow(Cause("system:test")) as tx:
        return [dict(row) for row in await tx.sql.fetch("SELECT * FROM payment_call ORDER BY id")]


async def captured_and_lost(world: World, invoice: str, payment: str) -> str:
    """Money that the provider took after the backup: nothing here knows it. The capture's id."""
    paypal = PayPal(world.api.context.settings, world.api.context.http)
    row = {
        "kind": "create", "key": str(new_id()), "target": None, "created_at": datetime.now(UTC),
        "body": {"amount": "120.50", "currency": "EUR", "custom_id": payment, "invoice_id": invoice,
                 "intent": "capture", "number": invoice[:-7]},
    }  # fmt: skip
    made: Any = await paypal.perform(row)
    await world.paypal.approve(made.data.ref)
    await world.at_paypal(f"/v2/checkout/orders/{made.data.ref}/capture", {})
    return str(world.paypal.did("captured")[-1]["id"])


async def test_what_was_due_in_the_backup_and_was_done_since_is_found_and_not_done_again(
    payments_url: str, bus_url: str, paypal: PayPalStandIn
) -> None:
    """The order at the provider was made, approved and taken after the backup. Guards: doubt, then the list."""
    order = Order()
    async with running(service, payments_url, bus_url, parts=("api",), **settings(paypal)) as api:
        world = World(api, paypal)
        await world.tell(order.created(), order.reserved())
        (due,) = await calls(api)
        made: Any = await PayPal(api.context.settings, api.context.http).perform(due)
        await paypal.approve(made.data.ref)
        await world.at_paypal(f"/v2/checkout/orders/{made.data.ref}/capture", {})
    await restoring.begin(payments_url, "payments", datetime.now(UTC), service.calls)
    async with running(service, payments_url, bus_url, **settings(paypal)) as api:
        world = World(api, paypal)
        found = await restore(api.context, datetime.now(UTC) - timedelta(minutes=5))
        assert found.left == 0
        payment = await world.stands(order, "received")
        assert payment["received"] == {"amount": "120.50", "currency": "EUR"}
        assert (await world.api.get("/v1/unannounced-payments")).json()["items"] == []
        assert [call["call_state"] for call in await calls(api)] == ["unknown"], "calls wait for the end"
        await restoring.finish(payments_url)
        await world.quiet()
        assert (await world.payment(order))["received"] == {"amount": "120.50", "currency": "EUR"}
    assert len(paypal.did("captured")) == 1
    assert len(paypal.did("order_created")) == 1


async def test_what_a_buyer_did_about_an_open_payment_is_read(world: World) -> None:
    """An approval moves no money: no list shows it. Guard: every open payment is read."""
    order = Order()
    await world.opened(order)
    world.paypal.send_webhooks_to(None)
    await world.approve(order)
    await restore(world.api.context, datetime.now(UTC))
    assert (await world.payment(order))["status"] == "approved"
    await world.tell(order.reserved())
    await world.stands(order, "received")
    assert len(world.paypal.did("captured")) == 1


async def test_money_given_back_since_the_backup_is_found_in_the_providers_list(world: World) -> None:
    order = Order()
    await world.paid(order)
    world.paypal.send_webhooks_to(None)
    capture = world.paypal.did("captured")[-1]["id"]
    await world.at_paypal(f"/v2/payments/captures/{capture}/refund", {})
    await restore(world.api.context, datetime.now(UTC))
    assert (await world.payment(order))["refunded"] == {"amount": "120.50", "currency": "EUR"}
    assert (await world.api.get("/v1/unannounced-payments")).json()["items"] == []


async def test_money_without_a_payment_is_listed_once_and_its_order_is_not_asked_to_pay_again_until_it_is_settled(
    world: World,
) -> None:
    """Guard: the look at open rows just before an order is made at the provider."""
    order = Order()
    capture = await captured_and_lost(world, f"{order.number}-abc123", str(new_id()))
    since = datetime.now(UTC) - timedelta(minutes=5)
    await restore(world.api.context, since)
    await restore(world.api.context, since)
    (listed,) = (await world.api.get("/v1/unannounced-payments")).json()["items"]
    assert (listed["reference"], listed["invoice"]) == (capture, f"{order.number}-abc123")
    assert listed["amount"] == {"amount": "120.50", "currency": "EUR"}
    await world.tell(order.created())

    async def waits() -> bool:
        (call,) = await calls(world.api)
        return call["call_state"] == "due" and "unannounced" in (call["last_error"] or "")

    await until(waits)
    assert len(world.paypal.asked("create")) == 1, "only the one that was lost"
    path = f"/v1/unannounced-payments/{listed['id']}/close"
    assert (await world.post(path, {"note": "given back at PayPal"})).status_code == 200
    await world.stands(order, "awaiting")
    assert (await world.api.get("/v1/unannounced-payments")).json()["items"] == []
    closed = (await world.api.get("/v1/unannounced-payments", params={"closed": "true"})).json()["items"]
    assert [(row["note"], bool(row["closed_by"])) for row in closed] == [("given back at PayPal", True)]
    assert (await world.post(f"/v1/unannounced-payments/{new_id()}/close", {"note": "x"})).status_code == 404


async def test_a_provider_that_does_not_show_its_list_is_said(world: World) -> None:
    await world.paypal.misbehave("report", "error500", times=1)
    found = await restore(world.api.context, datetime.now(UTC))
    assert found.left == 1
