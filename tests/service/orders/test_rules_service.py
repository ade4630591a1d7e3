"""Rules as data: on a fact, under conditions, a status is set, once, in the transaction of the fact."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.notifications import NotificationSent
from libs.events.envelope import opened
from libs.events.testing import record_of
from libs.events.transaction import Cause, new_id
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from services.orders.statuses.rules import TOPICS
from tests.bench.statements import Statements
from tests.service.orders.stage import hear, placed, topics, whole
from tests.service.orders.test_applying import applied, apply, entries, invent, said, standing
from tests.unit.orders.said import Said, submitted

RULES = "/v1/statuses/rules"


async def rule(api: ServiceClient, topic: str, status: str, *conditions: tuple[str, str, Any], **more: Any) -> str:
    """A rule; its id."""
    given_ = [{"field": field, "op": op, "value": value} for field, op, value in conditions]
    body = {"name": f"{topic} {status}", "topic": topic, "status": status, "conditions": given_}
    answer = await api.post(RULES, json=body | more)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def refusals(api: ServiceClient, order: dict[str, Any]) -> list[tuple[str, str]]:
    """What rules could not do: the status and the reason."""
    answer = await api.get(f"/v1/orders/{order['id']}/status-refusals")
    return [(each["status"], each["reason"]) for each in answer.json()]


async def facts_of(api: ServiceClient, topic: str) -> list[dict[str, Any]]:
    """Facts of a topic with their envelope."""
    async with api.context.uow(Cause("system:test")) as tx:
        rows = await tx.sql.fetch(
            "SELECT id, ce_actor, ce_depth, ce_causationid, ce_correlationid, payload FROM outbox WHERE type = $1 ORDER"
            " BY seq",
            topic,
        )
    return [dict(row) for row in rows]


def mailed(order: dict[str, Any]) -> NotificationSent:
    """A mail about an order has left."""
    return NotificationSent(message=new_id(), version=1, order_id=UUID(order["id"]), kind="paid", by="mail")


async def test_f4_f34_rules_move_an_order_by_itself_as_its_parcel_does(api: ServiceClient) -> None:
    assert (await api.post("/v1/statuses/library/walk/install")).status_code == 200
    left = await rule(api, "shipment.dispatched", "shipped")
    order = await placed(api)
    assert await standing(api, order) == {"order": "new", "payment": "awaiting-payment"}
    facts = Said(order)
    await hear(api, facts.stock("reserved"), facts.money("received"))
    assert await standing(api, order) == {"order": "processing", "payment": "paid"}
    fact = record_of(facts.parcels("dispatched"))
    await consumer.deliver(api.context.uow, fact)
    shipped = next(each for each in await entries(api, order) if each["mnemonic"] == "shipped")
    assert (shipped["applied_by"], shipped["rule_id"], shipped["rule"]) == (
        *(f"rule:{left}", left),
        "shipment.dispatched shipped",
    )
    told = next(each for each in await facts_of(api, "status.changed") if each["ce_actor"] == f"rule:{left}")
    assert str(told["ce_causationid"]) == str(opened(fact).id) == shipped["fact_id"]
    assert told["ce_depth"] == 1
    await hear(api, facts.parcels("delivered"))
    assert await standing(api, order) == {"order": "completed", "payment": "paid", "shipping": "delivered"}
    assert (await whole(api, order["id"]))["lifecycle"] == "completed"


async def test_a_rule_runs_once_per_fact_however_often_it_is_delivered(api: ServiceClient, orders_url: str) -> None:
    await rule(api, "stock.reserved", "processing")
    order = await placed(api)
    fact = record_of(Said(order).stock("reserved"))
    await asyncio.gather(*(consumer.deliver(api.context.uow, fact) for _ in range(4)))
    await applied(api, order, "on-hold")
    connection = await asyncpg.connect(orders_url)
    await connection.execute("DELETE FROM inbox")  # as when a dead letter is driven again, past the inbox
    await connection.close()
    await consumer.deliver(api.context.uow, fact)
    assert [each["mnemonic"] for each in await entries(api, order)] == ["on-hold", "processing"]


async def test_conditions_choose_by_the_order_and_by_the_fact(api: ServiceClient) -> None:
    await rule(api, "order.created", "on-hold", ("total", "gt", "100.00"), ("channel", "in", ["web", "emag"]))
    await rule(api, "order.created", "paid", ("payment_kind", "eq", "cash_on_delivery"))
    await rule(api, "order.held", "waiting-for-goods", ("hold_kind", "eq", "fraud"), ("country", "eq", "RO"))
    await rule(api, "status.changed", "awaiting-payment", ("status", "in", ["on-hold", "new"]), ("sku", "eq", "mug"))
    await rule(api, "notification.sent", "completed", ("message_kind", "eq", "thanks"))
    quiet = await rule(api, "order.held", "cancelled", active=False)
    order = await placed(api)
    assert await standing(api, order) == {"order": "on-hold", "payment": "awaiting-payment"}
    await api.post(f"/v1/orders/{order['id']}/hold", json={"reason": "ask"})
    assert (await standing(api, order))["order"] == "on-hold"
    await api.post(f"/v1/orders/{order['id']}/hold", json={"kind": "fraud", "reason": "ask"})
    assert (await standing(api, order))["order"] == "waiting-for-goods"
    await rule(api, "notification.sent", "new", ("message_kind", "ne", "thanks"))
    await hear(api, mailed(order))
    assert (await standing(api, order))["order"] == "new", "a fact that changes nothing by itself may set a status"
    assert (await topics(api, order))[-2:] == ["notification.sent", "status.changed"]
    assert quiet not in [each["rule_id"] for each in await entries(api, order)]


async def test_rules_that_chase_each_other_end_eight_deep_and_the_order_goes_on(api: ServiceClient) -> None:
    await rule(api, "status.changed", "on-hold", ("status", "eq", "processing"))
    await rule(api, "status.changed", "processing", ("status", "eq", "on-hold"))
    order = await placed(api)
    await applied(api, order, "processing")
    told = await facts_of(api, "status.changed")
    assert [each["ce_depth"] for each in told] == list(range(9))
    assert [one["id"] for one in told[:-1]] == [other["ce_causationid"] for other in told[1:]]
    assert len({each["ce_correlationid"] for each in told}) == 1
    assert [status for status, _ in await refusals(api, order)] == ["on-hold"]
    assert (await refusals(api, order))[0][1].startswith("8 rules led")
    facts = Said(order)
    await hear(api, facts.stock("reserved"), facts.money("received"))
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed"


async def test_depth_is_counted_across_services(api: ServiceClient) -> None:
    await rule(api, "notification.sent", "processing")
    order = await placed(api)
    deep = record_of(mailed(order), depth=8)
    await consumer.deliver(api.context.uow, deep)
    assert await standing(api, order) == {}
    assert len(await refusals(api, order)) == 1
    fine = record_of(mailed(order), depth=7)
    await consumer.deliver(api.context.uow, fine)
    assert await standing(api, order) == {"order": "processing"}


async def test_a_rule_whose_status_is_refused_says_why_and_never_stops_the_fact(api: ServiceClient) -> None:
    await rule(api, "stock.reserved", "ready")
    gone = await invent(api, "gone")
    await rule(api, "stock.reserved", "gone")
    await rule(api, "stock.reserved", "processing")
    await api.post(f"/v1/statuses/{gone}/archive")
    await api.put("/v1/statuses/transitions/order", json={"moves": [{"from": "new", "to": "processing"}]})
    order = await placed(api)
    facts = Said(order)
    await hear(api, facts.stock("reserved"))
    assert (await whole(api, order["id"]))["stock"] == "reserved"
    reasons = dict(await refusals(api, order))
    assert set(reasons) == {"ready", "gone", "processing"}
    assert "the order is open" in reasons["ready"]
    assert "archived" in reasons["gone"]
    assert "may follow" in reasons["processing"]
    await api.put("/v1/statuses/settings", json={"mode": "off"})
    await hear(api, facts.stock("reserved"), facts.money("received"))
    assert len(await refusals(api, order)) == 3, "switched off, no rule runs at all"
    assert "order.ready" not in await topics(api, order)


async def test_b17_no_rule_runs_for_an_old_order(api: ServiceClient) -> None:
    await rule(api, "order.created", "new")
    await rule(api, "status.changed", "on-hold", ("status", "eq", "processing"))
    body = submitted(external_id="old", historic=True, placed_at="2020-01-01T00:00:00Z")
    order = (await api.post("/v1/orders", json=body)).json()
    await applied(api, order, "processing")
    assert await standing(api, order) == {"order": "processing"}


async def test_rules_are_invented_changed_ordered_and_taken_away(api: ServiceClient) -> None:
    first, second = await rule(api, "order.created", "new"), await rule(api, "order.created", "processing")
    read = await api.get(f"{RULES}/{first}")
    body = {"name": "other", "topic": "order.paid", "status": "paid", "active": False}
    stale = await api.put(f"{RULES}/{first}", json=body, headers={"If-Match": '"9"'})
    changed = await api.put(f"{RULES}/{first}", json=body, headers={"If-Match": read.headers["etag"]})
    assert (stale.status_code, changed.json()["version"], changed.json()["status"]) == (412, 2, "paid")
    assert (await api.put(f"{RULES}/{first}", json=body)).json()["version"] == 2, "nothing changed"
    assert (await api.put(f"{RULES}/order", json={"ids": [second, first]})).status_code == 204
    page = (await api.get(RULES, params={"limit": 1})).json()
    rest = (await api.get(RULES, params={"after": page["next"]})).json()
    assert [each["id"] for each in (*page["items"], *rest["items"])] == [second, first]
    assert (await api.delete(f"{RULES}/{second}")).status_code == 204
    assert (await api.get(f"{RULES}/{second}")).status_code == 404
    assert await standing(api, await placed(api)) == {}
    known = {each["topic"]: each for each in (await api.get(f"{RULES}/topics")).json()}
    assert set(known) == set(TOPICS) >= {"order.created", "shipment.dispatched", "status.changed", "cost.recorded"}
    assert "status_type" in [field["field"] for field in known["status.changed"]["fields"]]


async def test_a_wrong_rule_is_refused_by_its_field_and_told_what_would_be_right(api: ServiceClient) -> None:
    fine: dict[str, Any] = {"name": "r", "topic": "order.created", "status": "new"}
    for wrong, field, hint in (
        ({"topic": "order.eaten"}, "topic", "order.created"),
        ({"status": "nothing"}, "status", "no status nothing"),
        ({"conditions": [{"field": "colour", "op": "eq", "value": "x"}]}, "conditions[0].field", "channel"),
        ({"conditions": [{"field": "hold_kind", "op": "eq", "value": "loss"}]}, "conditions[0].field", "order.created"),
        ({"conditions": [{"field": "total", "op": "in", "value": ["1"]}]}, "conditions[0].op", "gt"),
        ({"conditions": [{"field": "total", "op": "gt", "value": "much"}]}, "conditions[0].value", "150.00"),
        ({"conditions": [{"field": "stock", "op": "eq", "value": "gone"}]}, "conditions[0].value", "reserved"),
        ({"conditions": [{"field": "sku", "op": "exists", "value": "yes"}]}, "conditions[0].value", "true"),
    ):
        error = (await api.post(RULES, json=fine | wrong)).json()["errors"][0]
        assert (error["field"], hint in error["detail"]) == (field, True), error
    nothing = [{"field": "status", "op": "eq", "value": "nothing"}]
    answer = await api.post(RULES, json=fine | {"topic": "status.changed", "conditions": nothing})
    assert answer.json()["errors"][0]["field"] == "conditions[0].value"


async def test_two_hundred_rules_cost_no_statement_more_than_one(
    statements: Statements, api: ServiceClient, orders_url: str
) -> None:
    async def placing() -> int:
        await statements.of(orders_url)
        await placed(api, external_id=None)
        return len(await statements.of(orders_url))

    await rule(api, "order.created", "new", ("channel", "eq", "elsewhere"))
    few = await placing()
    connection = await asyncpg.connect(orders_url)
    await connection.execute(
        """INSERT INTO status_rule SELECT gen_random_uuid(), 1, 'r' || n, topic, conditions, status_id, true, n
           FROM status_rule, generate_series(10, 200) n"""
    )
    await connection.close()
    assert await placing() == few


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_b10_part_facts_in_any_order_set_each_status_once(api: ServiceClient, data: st.DataObject) -> None:
    """Each rule on a track of its own: what stands cannot depend on the order of arrival, and nothing acts twice."""
    if not (await api.get(RULES)).json()["items"]:
        await rule(api, "stock.deducted", "processing")
        await rule(api, "payment.received", "paid")
        await rule(api, "shipment.delivered", "delivered")
    order = await placed(api, external_id=None)
    about = Said(order)
    facts = [record_of(fact) for fact in (about.stock("deducted"), about.money("received"), about.parcels("delivered"))]
    arrival = data.draw(st.permutations(range(len(facts))))
    again = data.draw(st.lists(st.sampled_from(range(len(facts))), max_size=3))
    for place in (*arrival, *again):
        await consumer.deliver(api.context.uow, facts[place])
    assert await standing(api, order) == {"order": "processing", "payment": "paid", "shipping": "delivered"}
    assert len(await entries(api, order)) == len(facts)


async def test_a_rule_acts_for_bulk_calls_as_for_single_ones(api: ServiceClient) -> None:
    await rule(api, "status.changed", "paid", ("status", "eq", "processing"))
    await rule(api, "status.changed", "shipped", ("status", "eq", "paid"))
    chain = {"order": "processing", "payment": "paid", "shipping": "shipped"}
    one, other = await placed(api, external_id="1"), await placed(api, external_id="2")
    await apply(api, one, "processing")
    items = [{"order_id": other["id"]}, {"order_id": str(uuid4())}]
    assert (await api.post("/v1/orders/status", json={"status": "processing", "items": items})).status_code == 200
    assert await standing(api, one) == await standing(api, other) == chain
    told = [(each["type"], each["order"]["id"]) for each in await said(api)]
    assert told.count(("paid", other["id"])) == told.count(("paid", one["id"])) == 1
