"""Why an order does not move, each state produced by what brings it about; and what followed from what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Money, Quantity, WorkCleared, WorkStuck
from libs.contracts.inventory import StockFact
from libs.events.dead_letters import bury, listed, redrive, resume
from libs.events.testing import record_of
from libs.events.transaction import Cause, new_id
from libs.events.work import Stuck
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from services.orders.lifecycle import deadlines
from tests.service.orders.stage import hear, outbox, placed
from tests.service.orders.test_deadlines import COD, look, pass_by, watch
from tests.service.orders.test_rules_service import rule
from tests.unit.orders.said import Said

JARGON = ("axis", "AWB", "topic", "partition", "dead letter", "event", "null", "None", "_")


async def why(api: ServiceClient, order: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/v1/orders/{order['id']}/why")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    for reason in found["reasons"]:
        assert reason["service"] in {"orders", "inventory", "payments", "shipping", "notifications"}
        assert datetime.fromisoformat(reason["since"]).tzinfo
        assert reason["sentence"].endswith(".")
        assert reason["next"].endswith(".")
        aloud = reason["sentence"] + reason["next"]
        assert not [word for word in JARGON if word in aloud], aloud
    assert found["waits_for_nothing"] == (not found["reasons"])
    return found


async def codes(api: ServiceClient, order: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in (await why(api, order))["reasons"]]


async def reason_of(api: ServiceClient, order: dict[str, Any], code: str) -> dict[str, Any]:
    found = [reason for reason in (await why(api, order))["reasons"] if reason["code"] == code]
    assert len(found) == 1, await codes(api, order)
    one: dict[str, Any] = found[0]
    return one


def short(fact: StockFact, sku: str, missing: str) -> StockFact:
    """Inventory misses that much of a line."""
    part = fact.reservation
    lines = tuple(
        line.model_copy(update={"short": Quantity.parse(missing)}) if line.sku == sku else line for line in part.lines
    )
    return fact.model_copy(update={"reservation": part.model_copy(update={"lines": lines})})


async def test_b15_why_names_goods_and_money_and_until_when_they_are_waited_for(api: ServiceClient) -> None:
    order, said = (found := await placed(api)), Said(found)
    told = await why(api, order)
    assert [reason["code"] for reason in told["reasons"]] == ["goods_asked", "payment_awaited"]
    assert order["number"] in told["sentence"]
    await hear(api, short(said.stock("waiting"), "mug", "1.5"))
    waiting = await reason_of(api, order, "goods_waiting")
    assert waiting["service"] == "inventory"
    assert "1.5 of Cană (SKU mug)" in waiting["sentence"]
    assert "plate" not in waiting["sentence"]
    await hear(api, said.stock("reserved"), said.money("awaiting"))
    awaited = await reason_of(api, order, "payment_awaited")
    assert awaited["service"] == "payments"
    kept = (datetime.fromisoformat(awaited["next_at"]) - datetime.fromisoformat(order["placed_at"])).total_seconds()
    assert 3500 < kept < 3700, "PayPal keeps goods for an hour"
    assert "kept until" in awaited["next"]
    await hear(api, said.money("failed"))
    assert await codes(api, order) == ["payment_failed"]
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute("UPDATE orders SET reserve_until = now() WHERE id = $1", order["id"])
    assert await deadlines.loop(api.context.uow, api.context.settings.deadlines_every).run() == 1
    assert await codes(api, order) == ["payment_asked"]
    held = Said(await placed(api, external_id="short"))
    await api.post(f"/v1/orders/{held.order['id']}/hold", json={"kind": "fraud", "reason": "two cards"})
    await hear(api, short(held.stock("rejected"), "plate", "1"))
    assert await codes(api, held.order) == ["held_fraud", "goods_short", "payment_awaited"]
    fraud = await reason_of(api, held.order, "held_fraud")
    assert fraud["detail"] == "two cards"
    assert "two cards" not in fraud["sentence"]


async def test_b15_why_follows_the_parcel_until_nothing_is_waited_for(api: ServiceClient) -> None:
    await watch(api)
    order, said = (found := await placed(api, **COD)), Said(found)
    await hear(api, said.stock("reserved"))
    assert await codes(api, order) == ["parcels_not_planned"]
    await hear(api, said.parcels("planned"))
    assert await codes(api, order) == ["not_ready"]
    assert (await api.post(f"/v1/orders/{order['id']}/ready", json={})).status_code == 200
    assert await codes(api, order) == ["booking_due"]
    await hear(api, said.parcels("booking"))
    assert await codes(api, order) == ["booking_unknown"]
    refused = said.shipment("failed").model_copy(update={"failure": "no such street"})
    await hear(api, said.parcels(refused))
    failed = await reason_of(api, order, "booking_failed")
    assert (failed["service"], failed["detail"]) == ("shipping", "no such street")
    await hear(api, said.parcels("booked"))
    assert await codes(api, order) == ["pickup_awaited"]
    assert (await api.post(f"/v1/orders/{order['id']}/cancel", json={})).status_code == 202
    assert await codes(api, order) == ["cancel_asked", "pickup_awaited"]
    request = (await api.get(f"/v1/orders/{order['id']}/trace")).json()
    assert request["roots"]
    async with api.context.uow(Cause("system:test")) as tx:
        asked = await tx.sql.fetchval("SELECT cancel_request FROM orders WHERE id = $1", order["id"])
    await hear(api, said.parcels("booked", answers=str(asked)))
    moving = said.shipment("dispatched").model_copy(update={"status": "out_for_delivery"})
    await hear(api, said.parcels(moving))
    assert "OWNmain is with the courier: out for delivery" in (await reason_of(api, order, "in_transit"))["sentence"]
    await pass_by(api, order, "delivery")
    assert await look(api) == 1
    assert await codes(api, order) == ["in_transit", "overdue_delivery"]
    await hear(api, said.parcels("returning"))
    assert "returning" in await codes(api, order)
    await hear(api, said.parcels("delivered"))
    assert await codes(api, order) == ["delivered_not_paid"]
    await hear(api, said.money("received"))
    done = await why(api, order)
    assert (done["waits_for_nothing"], done["reasons"], done["lifecycle"]) == (True, [], "completed")
    lost, gone = (await placed(api, external_id="lost")), (await placed(api, external_id="gone"))
    said = Said(lost)
    await hear(api, said.stock("reserved"), said.money("received"), said.parcels("lost"))
    assert (await codes(api, lost))[0] == "held_undelivered"
    await hear(api, said.money("refunded"))
    assert "payment_lost" in await codes(api, lost)
    await hear(api, said.money("refunded", disputed=Money.parse("1.00", "RON")))
    assert "payment_disputed" in await codes(api, lost)
    await api.post(f"/v1/orders/{gone['id']}/cancel", json={})
    assert (await why(api, gone))["waits_for_nothing"]
    assert (await api.get(f"/v1/orders/{new_id()}/why")).status_code == 404


async def test_b15_why_names_what_stands_still_in_any_service_until_it_is_cleared(api: ServiceClient) -> None:
    order = await placed(api)
    work, since = new_id(), datetime.fromisoformat("2026-03-01T10:00:00+00:00")
    given: dict[str, Any] = {"work": work, "service": "payments", "order_id": UUID(order["id"])}
    sweep = datetime.fromisoformat("2026-03-01T10:05:00+00:00")
    stuck: dict[str, Any] = {
        "kind": Stuck.UNKNOWN_CALL,
        "what": "payment_operation is unknown: time-out",
        "since": since,
    }
    await hear(api, WorkStuck(version=1, next_try=sweep, **stuck, **given))
    call = await reason_of(api, order, "unknown_call")
    assert call["sentence"] == "We asked the payment provider and do not know its answer yet."
    assert (call["since"], call["next_at"]) == ("2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z")
    assert (await codes(api, order))[0] == "unknown_call", "it blocks what follows"
    for n, kind in enumerate(Stuck):
        await hear(api, WorkStuck(version=2 + n, **(stuck | {"kind": kind}), **given))
        assert (await codes(api, order))[0] == str(kind)
    await hear(api, WorkCleared(version=20, **given))
    assert await codes(api, order) == ["goods_asked", "payment_awaited"]
    other, said = Said(await placed(api, external_id="other")), Said(order)
    letters = [said.stock("reserved"), *(other.stock("reserved") for _ in range(19))]
    for letter in letters:  # the twentieth in a row pauses their partition
        await bury(api.context.uow, consumer, record_of(letter), "the handler failed", 5)
    await hear(api, *(WorkStuck.model_validate_json(told) for told in await outbox(api.context.uow, "work.stuck")))
    assert await codes(api, order) == ["dead_letter", "paused", "goods_asked", "payment_awaited"]
    assert await codes(api, other.order) == [*["dead_letter"] * 19, "paused", "goods_asked", "payment_awaited"]
    paused = await reason_of(api, order, "paused")
    assert paused["detail"] == "topic stock.reserved"
    assert await resume(api.context.uow, "orders") == 1
    for row in await listed(api.context.uow):
        await redrive(api.context.uow, consumer, row["id"])
    await hear(api, *(WorkCleared.model_validate_json(told) for told in await outbox(api.context.uow, "work.cleared")))
    assert await codes(api, order) == ["payment_awaited"], "mended and taken in again"


async def test_b15_why_names_a_rule_that_could_not_do_what_it_is_for(api: ServiceClient) -> None:
    await rule(api, "stock.reserved", "ready")
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"))
    assert await codes(api, order) == ["payment_awaited", "rule_refused"]
    refused = await reason_of(api, order, "rule_refused")
    assert refused["service"] == "orders"
    assert "status ready" in refused["detail"]
    assert "the order is open" in refused["detail"]
    await hear(api, said.money("received"), said.stock("reserved"))
    assert await codes(api, order) == ["parcels_not_planned"], "done the second time"


async def test_b15_the_tree_tells_what_followed_from_what(api: ServiceClient) -> None:
    order, said = (found := await placed(api)), Said(found)
    async with api.context.uow(Cause("system:test")) as tx:
        created = await tx.sql.fetchval("SELECT event_id FROM order_event WHERE order_id = $1", order["id"])
    reserved = record_of(said.stock("reserved"), causation=created)
    await consumer.deliver(api.context.uow, reserved)
    await hear(api, said.money("received"))
    answer = await api.get(f"/v1/orders/{order['id']}/trace")
    roots = answer.json()["roots"]
    assert [(root["topic"], root["service"]) for root in roots] == [
        ("order.created", "orders"),
        ("payment.received", "payments"),
    ]
    (stock,) = roots[0]["children"]
    assert (stock["topic"], stock["service"]) == ("stock.reserved", "inventory")
    assert [child["topic"] for child in stock["children"]] == ["order.reserved"]
    assert stock["children"][0]["after_ms"] >= 0
    assert roots[0]["after_ms"] is None
    assert [child["topic"] for child in roots[1]["children"]] == ["order.paid", "order.confirmed"]
    text = (await api.get(f"/v1/orders/{order['id']}/trace", params={"format": "text"})).text.splitlines()
    assert text[0] == f"Order {order['number']}"
    assert [len(line) - len(line.lstrip()) for line in text[1:]] == [0, 2, 4, 0, 2, 2]
    assert "stock.reserved  (inventory, " in text[2]
    assert (await api.get(f"/v1/orders/{new_id()}/trace")).status_code == 404
    assert (await api.as_role("customer").get(f"/v1/orders/{order['id']}/trace")).status_code == 403
