"""Facts of many orders at once: each order takes them as it would alone, for hardly more statements than one."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.common import Cost
from libs.events.bus import Record
from libs.events.consumer import RefusedFact
from libs.events.testing import record_of
from libs.events.transaction import new_id
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from services.orders.lifecycle.auditing import verify
from tests.service.orders.stage import hear, placed, topics, whole
from tests.service.orders.test_applying import entries
from tests.service.orders.test_audit import failed
from tests.service.orders.test_b10 import ends, said_of
from tests.service.orders.test_profit import put, stated, with_costs
from tests.service.orders.test_rules_service import RULES, mailed, rule
from tests.service.races.stage import at_once
from tests.unit.orders.said import Said, submitted

_STORY = """
SELECT e.topic, why.topic AS because_of, e.actor LIKE 'rule:%' AS by_rule, e.before, e.after,
       o.ce_depth AS depth, o.ce_causationid = e.causation_id AS same_cause,
       o.ce_correlationid = why.correlation_id AS same_tale
FROM order_event e LEFT JOIN order_event why ON (why.order_id, why.event_id) = (e.order_id, e.causation_id)
LEFT JOIN outbox o ON o.id = e.event_id
WHERE e.order_id = $1 ORDER BY e.number
"""


async def story(api: ServiceClient, order: dict[str, Any]) -> list[tuple[Any, ...]]:
    """An order's timeline: each fact, which one led to it, through how many rules, and what changed."""
    return [tuple(row) for row in await api.context.uow.fetch(_STORY, UUID(order["id"]))]


def facts_about(order: dict[str, Any]) -> list[Record]:
    """Goods, money, parcels and mails, as records."""
    facts = said_of(order)
    return [record_of(fact) for fact in (*facts[:3], mailed(order), *facts[3:], failed(order), mailed(order))]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_orders_that_are_told_of_together_fare_as_those_told_of_alone(
    api: ServiceClient, data: st.DataObject
) -> None:
    """Guards: the cause of each change, an order's facts one after the other, one chain a timeline."""
    if not (await api.get(RULES)).json()["items"]:
        await rule(api, "stock.reserved", "processing")
        await rule(api, "status.changed", "on-hold", ("status", "eq", "processing"))
        await rule(api, "notification.failed", "waiting-for-goods")
    made = [await placed(api, external_id=None) for _ in range(6)]
    alone, together = made[:3], made[3:]
    count = len(facts_about(alone[0]))
    arrivals = [data.draw(st.permutations(range(count)), label="an order's facts") for _ in alone]
    for order, arrival in zip(alone, arrivals, strict=True):
        records = facts_about(order)
        for place in arrival:
            await consumer.deliver(api.context.uow, records[place])
    found = [facts_about(order) for order in together]
    left = [iter([records[place] for place in arrival]) for records, arrival in zip(found, arrivals, strict=True)]
    turns = data.draw(st.permutations([n for n in range(3) for _ in range(count)]), label="whose fact comes next")
    mixed = [next(left[n]) for n in turns]
    while mixed:
        size = data.draw(st.integers(1, 20), label="facts in a transaction")
        assert await consumer.deliver(api.context.uow, *mixed[:size]) == len(mixed[:size])
        mixed = mixed[size:]
    for one, other in zip(alone, together, strict=True):
        assert ends(await whole(api, other["id"])) == ends(await whole(api, one["id"]))
        assert await story(api, other) == await story(api, one)
        statuses = [[each["mnemonic"] for each in await entries(api, order)] for order in (one, other)]
        assert statuses[0] == statuses[1]
        assert await verify(api.context, {"order": other["number"]}) == 0


async def test_one_about_an_order_that_there_is_not_spoils_only_itself(api: ServiceClient) -> None:
    first, last = await placed(api, external_id=None), await placed(api, external_id=None)
    nobody = first | {"id": str(new_id())}
    records = [record_of(Said(order).stock("reserved")) for order in (first, nobody, last)]
    with pytest.raises(RefusedFact, match=nobody["id"]):
        await consumer.deliver(api.context.uow, *records)
    assert (await whole(api, first["id"]))["stock"] == "pending"
    for record in (records[0], records[2]):  # one by one, as the worker goes on
        await consumer.deliver(api.context.uow, record)
    assert [(await whole(api, order["id"]))["stock"] for order in (first, last)] == ["reserved", "reserved"]
    unknown = record_of(mailed(nobody))  # what moves nothing asks for no order
    assert await consumer.deliver(api.context.uow, unknown, record_of(mailed(first)), record_of(mailed(last))) == 3
    assert (await topics(api, last))[-1] == "notification.sent"


async def test_what_an_order_costs_is_known_when_the_same_facts_would_complete_it(api: ServiceClient) -> None:
    """Guard: costs are taken before what moves orders, in a transaction."""
    order = await placed(api, **with_costs(submitted(), {"mug": "5.00", "plate": "5.00"}))
    await put(api, order, ("payment_fee", "3.00", False))
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("received"), said.parcels("dispatched"))
    arrived, parcel = said.parcels("delivered"), stated(order, Cost.DELIVERY, "900.00", actual=True)
    assert await consumer.deliver(api.context.uow, record_of(arrived), record_of(parcel)) == 2
    found = await whole(api, order["id"])
    assert (found["lifecycle"], found["holds"]) == ("confirmed", ["loss"])


async def test_two_that_take_facts_of_the_same_orders_wait_for_each_other_never_in_a_circle(
    api: ServiceClient, orders_url: str
) -> None:
    """Guard: `store.lock`. Else each holds what the other wants, and PostgreSQL ends one of them."""
    orders = [await placed(api, external_id=None) for _ in range(9)]
    forth = [record_of(fact) for order in orders for fact in (mailed(order), Said(order).stock("reserved"))]
    back = [record_of(fact) for order in orders[::-1] for fact in (mailed(order), Said(order).money("received"))]
    batches = [partial(consumer.deliver, api.context.uow, *batch) for batch in (forth, back)]
    lock = "SELECT FROM orders WHERE id = $1 FOR UPDATE"
    assert await at_once(orders_url, lock, UUID(orders[4]["id"]), acts=batches) == [18, 18]
    assert {(await whole(api, order["id"]))["lifecycle"] for order in orders} == {"confirmed"}
