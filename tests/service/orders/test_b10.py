"""B10 on a real database: facts in any order, with repeats, lead an order to one end."""

import asyncio
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.events.testing import record_of
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from tests.service.orders.stage import hear, placed, whole
from tests.unit.orders.said import Said

CHANGING = {"id", "number", "version", "external_id", "placed_at", "taken_at", "lines", "payments", "shipments", "held"}


def said_of(order: dict[str, Any]) -> list[Any]:
    """A parcel for the plate arrives, the one for the mugs comes back; everything is paid."""
    said = Said(order)
    mugs, plate = ("main", ("mug",)), ("second", ("plate",))
    states = [
        ("planned", "booked"),
        ("dispatched", "dispatched"),
        ("delivered", "dispatched"),
        ("delivered", "returned"),
    ]
    shipments = [said.parcels(said.shipment(p, *plate), said.shipment(m, *mugs)) for p, m in states]
    money = [said.money("awaiting"), said.money("received")]
    return [*money, said.stock("waiting"), said.stock("reserved"), said.stock("deducted"), *shipments]


def ends(order: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on the order of arrival."""
    lines = [{k: v for k, v in line.items() if k != "id"} for line in order["lines"]]
    states = sorted((s["depot"], s["state"]) for s in order["shipments"])
    held = [(hold["kind"], hold["reason"]) for hold in order["held"]]
    rest = {name: value for name, value in order.items() if name not in CHANGING}
    return rest | {"lines": lines, "shipments": states, "held": held}


async def told(api: ServiceClient, order_id: str) -> dict[str, int]:
    """How often the order said what may be said only so often."""
    events = (await api.get(f"/v1/orders/{UUID(order_id)}/timeline", params={"limit": 200})).json()["items"]
    names = [event["topic"] for event in events]
    return {name: names.count(name) for name in ("order.shipped", "order.returned", "order.confirmed", "order.paid")}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_b10_facts_in_any_order_with_repeats_or_the_last_alone_end_the_same(
    api: ServiceClient, data: st.DataObject
) -> None:
    in_order, order = await placed(api, external_id=None), await placed(api, external_id=None)
    await hear(api, *said_of(in_order))
    facts = said_of(order)
    if data.draw(st.booleans(), label="the last fact of each part alone"):
        facts = [facts[1], facts[4], facts[-1]]
    order_of_arrival = data.draw(st.permutations(range(len(facts))))
    repeated = data.draw(st.lists(st.sampled_from(range(len(facts))), max_size=4))
    records = [record_of(fact) for fact in facts]
    for place in [*order_of_arrival, *repeated]:
        await consumer.deliver(api.context.uow, records[place])
    found, expected = await whole(api, order["id"]), await whole(api, in_order["id"])
    assert (expected["lifecycle"], expected["holds"]) == ("confirmed", ["undelivered"])
    assert ends(found) == ends(expected)
    assert await told(api, order["id"]) == {
        "order.shipped": 2,
        "order.returned": 1,
        "order.confirmed": 1,
        "order.paid": 1,
    }


async def test_b10_a_contradiction_is_seen_in_any_order_also_across_restarts(api: ServiceClient) -> None:
    for order_of_arrival in ((0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)):
        order = await placed(api, external_id=None)
        said = Said(order)
        facts = [said.parcels("booked"), said.parcels("dispatched"), said.parcels("cancelled")]
        await hear(api, *(facts[place] for place in order_of_arrival))
        await hear(api, said.stock("reserved"), said.money("received"))  # what was seen before is remembered
        assert (await whole(api, order["id"]))["holds"] == ["contradiction"]


async def test_b10_two_consumers_at_once_lose_nothing(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    records = [record_of(fact) for fact in (said.stock("reserved"), said.money("received"), said.money("received"))]
    await asyncio.gather(*(consumer.deliver(api.context.uow, record) for record in records * 2))
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed"
    assert (await told(api, order["id"]))["order.confirmed"] == 1
