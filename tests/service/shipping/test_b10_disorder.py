"""Facts of an order in whatever order, twice, or only the last of them: the shipments end the same."""

import random
from typing import Any

import pytest

from libs.contracts.orders import OrderFact
from libs.contracts.shipping import ShipmentCreated
from libs.events.bus import Outgoing
from libs.events.testing import record_of
from libs.service.testing import until
from tests.service.shipping.world import Order, World, line


def a_life(order: Order) -> list[OrderFact]:
    """Created, reserved, held and released, changed, confirmed, ready."""
    mugs, plates = line(at={"north": "1", "south": "1"}), line("3", depot="north")
    order.method, order.due, order.lines = "vans-by-hand", 5000, (mugs,)
    facts = [order.created(), order.reserved(), order.held(), order.released()]
    order.lines = (mugs, plates)
    return [*facts, order.changed(), order.confirmed(), order.ready()]


def essence(fulfilment: dict[str, Any]) -> list[Any]:
    """What matters of the end: live shipments without their names."""
    return sorted(
        (
            each["depot"],
            each["state"],
            tuple((of["line_id"], of["quantity"]) for of in each["lines"]),
            str(each["cash_on_delivery"]),
        )
        for each in fulfilment["shipments"]
        if each["state"] != "cancelled"
    )


@pytest.mark.parametrize("seed", range(4))
async def test_b10_shipping_ends_the_same_in_any_order_of_facts(world: World, seed: int) -> None:
    dice = random.Random(seed)
    order = Order()
    records = [record_of(fact) for fact in a_life(order)]
    order_id = str(order.id)
    if seed == 0:
        await world.deliver(records[-1])
    else:
        told = [*records, *dice.choices(records, k=5)]
        dice.shuffle(told)
        await world.deliver(*told)

    async def both_booked() -> bool:
        reply = await world.api.get(f"/v1/fulfilments/{order_id}")
        live = [each for each in reply.json()["shipments"] if each["state"] == "booked"]
        return len(live) == 2

    await until(both_booked)
    shipments = essence(await world.fulfilment(order))
    mugs, plates = order.lines
    north = tuple(sorted([(str(mugs.id), "1"), (str(plates.id), "3")]))
    assert shipments == [
        ("north", "booked", north, "None"),
        ("south", "booked", ((str(mugs.id), "1"),), str({"amount": "50.00", "currency": "RON"})),
    ]
    before = await world.told(order)
    await world.deliver(*records)
    assert await world.told(order) == before


async def test_b10_a_fact_on_the_topic_becomes_a_fact_on_the_topic_once(world: World) -> None:
    order = Order(method="vans")
    record = record_of(order.confirmed())
    bus = world.api.context.bus
    await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers)] * 3)

    async def created() -> list[ShipmentCreated]:
        found = await bus.read("shipment.created")
        return [ShipmentCreated.model_validate_json(each.value) for each in found if each.key == str(order.id)]

    (told,) = await until(created, within=60)
    assert told.fulfilment.shipments[0].awb == (await world.shipment(order))["awb"]
    await world.deliver(record)
    assert len(await created()) == 1


async def test_historic_orders_are_left_alone(world: World) -> None:
    order = Order(state={"historic": True})
    await world.tell(order.confirmed(), order.cancel_requested())
    assert await world.rows("SELECT * FROM known_order") == []
    assert await world.told(order) == []
