"""Webhooks over HTTP: what is not PayPal's leaves no trace; what was accepted is never lost and always told apart."""

import asyncio
import json
from typing import Any

from prometheus_client import REGISTRY

from libs.events.transaction import Cause, new_id
from libs.service.testing import until
from tests.service.payments.world import Order, World


def refused(reason: str) -> float:
    labels = {"provider": "paypal", "reason": reason}
    return REGISTRY.get_sample_value("comanda_webhook_refusals_total", labels) or 0.0


async def given_event(world: World, event_type: str, resource: dict[str, Any], kind: str = "x") -> str:
    body = {"event_type": event_type, "resource_type": kind, "resource": resource}
    return str((await world.paypal.control("webhooks", body))["id"])


async def kept_events(world: World) -> list[str]:
    return [row["event_id"] for row in await world.inbox()]


async def settled_as(world: World, event: str, how: str) -> None:
    await until(lambda: world.paypal.webhooks.settled.get(event) == how, why=f"{event} {how}")


FOREIGN = {
    "wrong_signature": "signature",
    "reserialised": "signature",
    "foreign_url": "cert_host",
    "other_ca": "cert_untrusted",
    "expired_cert": "cert_expired",
    "other_name": "cert_untrusted",
}


async def test_part_f18_what_is_not_paypals_is_refused_counted_and_leaves_no_trace(world: World) -> None:
    for how, reason in FOREIGN.items():
        before, kept = refused(reason), await kept_events(world)
        world.paypal.webhooks.tries = 1
        await world.paypal.misbehave("webhook", how)
        event = await given_event(world, "CHECKOUT.ORDER.APPROVED", {"id": "4K5112848U951142F", "breakdown": {}})
        await settled_as(world, event, "given_up")
        assert refused(reason) == before + 1
        assert await kept_events(world) == kept
        world.paypal.webhooks.tries = 25
        await world.paypal.control(f"webhooks/{event}/resend")
        await settled_as(world, event, "accepted")
        assert await kept_events(world) == [*kept, event]


async def test_an_unsigned_delivery_is_400_and_an_unfetchable_certificate_503(world: World) -> None:
    reply = await world.api.as_role("").post("/v1/webhooks/paypal", content=b'{"id": "WH-1", "event_type": "X"}')
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")
    headers = {
        "PAYPAL-TRANSMISSION-ID": "1", "PAYPAL-TRANSMISSION-TIME": "2026-11-22T10:00:00Z",
        "PAYPAL-TRANSMISSION-SIG": "AAAA", "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": f"https://{world.paypal.cert_host}/v1/notifications/certs/CERT-missing",
    }  # fmt: skip
    later = await world.api.as_role("").post("/v1/webhooks/paypal", content=b"{}", headers=headers)
    assert (later.status_code, later.headers["retry-after"]) == (503, "30")
    assert await world.inbox() == []
    too_large = await world.api.as_role("").post("/v1/webhooks/paypal", content=b"x" * (1024 * 1024 + 1))
    assert too_large.status_code == 413


async def test_b10_deliveries_twice_late_and_out_of_order_end_the_same(world: World) -> None:
    for how in ("twice", "late", "out_of_order", "wrong_signature", "reserialised"):
        order = Order()
        await world.opened(order)
        await world.tell(order.reserved())
        await world.paypal.misbehave("webhook", how, times=3, delay_ms=300)
        await world.approve(order)
        paid = await world.stands(order, "received")
        await world.settled_webhooks()
        assert [row["custom_id"] for row in world.paypal.did("captured")].count(paid["id"]) == 1
        assert (await world.topics(order)).count("payment.received") == 1
    events = [row["event_id"] for row in await world.inbox()]
    assert len(events) == len(set(events)) == len(world.paypal.webhooks.events)


async def test_two_deliveries_of_one_event_at_once_are_kept_once(world: World) -> None:
    order = Order()
    await world.opened(order)
    await world.tell(order.reserved())
    await world.paypal.misbehave("webhook", "lost", times=20)
    await world.approve(order)
    world.paypal.mischief.rules.clear()
    events = list(world.paypal.webhooks.events)
    await asyncio.gather(*(world.paypal.control(f"webhooks/{event}/resend") for event in events for _ in range(4)))
    await world.stands(order, "received")
    await until(lambda: len(world.paypal.did("webhook")) >= 4 * len(events))
    await world.quiet()
    assert len(world.paypal.did("captured")) == 1
    kept = [row["event_id"] for row in await world.inbox()]
    assert len(kept) == len(set(kept))


async def test_what_a_forged_body_claims_moves_nothing_because_the_resource_is_read_again(world: World) -> None:
    """CRC32 is no hash: somebody who has one true signature may make another body. It changes nothing by itself."""
    order = Order()
    opened = await world.opened(order)
    ref = opened["approval_link"].rsplit("=", 1)[1]
    claimed = {"id": ref, "status": "COMPLETED", "purchase_units": [{"payments": {"captures": [{"id": "X", "status":
               "COMPLETED", "amount": {"value": "120.50", "currency_code": "EUR"}}]}}]}  # fmt: skip
    await given_event(world, "CHECKOUT.ORDER.COMPLETED", claimed)
    forged = {"id": "5VK462069F664902F", "status": "COMPLETED", "amount": {"value": "120.50", "currency_code": "EUR"},
              "custom_id": opened["id"], "supplementary_data": {"related_ids": {"order_id": ref}}}  # fmt: skip
    await given_event(world, "PAYMENT.CAPTURE.COMPLETED", forged)
    await until(lambda: not world.paypal.webhooks.waiting())
    await until(lambda: any(row["status"] == 404 for row in world.paypal.asked("get_capture")))
    assert (await world.payment(order))["received"]["amount"] == "0.00"
    assert "payment.received" not in await world.topics(order)


async def test_types_that_mean_nothing_to_us_and_other_peoples_payments_are_kept_and_ignored(world: World) -> None:
    await given_event(world, "BILLING.SUBSCRIPTION.CREATED", {"id": "I-1"})
    await world.settled_webhooks()
    assert [(row["outcome"], row["note"]) for row in await world.inbox()] == [
        ("ignored", "nothing follows from this type")
    ]


async def test_an_event_that_makes_no_sense_is_kept_and_told(world: World) -> None:
    await given_event(world, "PAYMENT.CAPTURE.COMPLETED", {"nothing": True})
    await world.settled_webhooks()
    (row,) = await world.inbox()
    assert row["outcome"] == "dead"

    async def told() -> bool:
        async with world.uow(Cause("system:test")) as tx:
            return bool(await tx.sql.fetchval(
                "SELECT true FROM outbox_sent WHERE type = 'work.stuck' AND aggregateid = $1", row["id"]))  # fmt: skip

    await until(told)


async def test_a_capture_of_another_amount_is_parked_and_not_paid(world: World) -> None:
    order = Order()
    opened = await world.opened(order)
    ref = opened["approval_link"].rsplit("=", 1)[1]
    row = world.paypal.account.get("orders", ref)
    row["purchase_units"][0]["amount"] = {"value": "1.00", "currency_code": "EUR"}
    world.paypal.account.orders[ref] = row
    await world.paypal.approve(ref)
    await world.at_paypal(f"/v2/checkout/orders/{ref}/capture", {})

    async def parked() -> bool:
        found = await world.payment(order)
        return [op["status"] for op in found["operations"] if op["kind"] == "capture"] == ["parked"]

    await until(parked)
    found = await world.payment(order)
    assert (found["status"], found["received"]["amount"]) != ("received", "1.00")
    assert [entry["account"] for entry in found["ledger"]] == []
    assert "work.stuck" in await world.topics(order)


async def test_authorize_first_then_capture_and_void(world: World) -> None:
    method = {"code": "paypal_later", "kind": "paypal", "names": {"en": "PayPal"}, "currencies": ["EUR"],
              "intent": "authorize"}  # fmt: skip
    assert (await world.post("/v1/payment-methods", method)).status_code == 201
    kept, dropped = (Order(now={"payment_method": "paypal_later"}) for _ in range(2))
    for order in (kept, dropped):
        await world.opened(order)
        await world.approve(order)
        await world.stands(order, "authorized", authorized={"amount": "120.50", "currency": "EUR"})
    await world.tell(kept.reserved())
    await world.stands(kept, "received", authorized={"amount": "0.00", "currency": "EUR"})
    await world.tell(dropped.cancelled())
    await world.stands(dropped, "voided")
    await world.settled_webhooks()
    assert (len(world.paypal.did("captured")), len(world.paypal.did("voided"))) == (1, 1)
    assert (await world.topics(dropped))[-1] == "payment.voided"


async def test_a_payment_that_is_not_there_is_404(world: World) -> None:
    assert (await world.api.get(f"/v1/payments/{new_id()}")).status_code == 404
    missing = await world.api.get("/v1/payments", params={"order_id": str(new_id())})
    assert missing.json() == {"items": [], "next": None}
    assert json.loads((await world.api.get("/openapi.json")).text)["paths"]["/v1/webhooks/paypal"]
