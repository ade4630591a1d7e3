"""A cancel that was asked for is always answered, once, and only when no booking is unknown."""

import asyncio

import pytest

from libs.service.testing import until
from tests.service.shipping.world import Order, World, line


async def test_a_cancel_with_nothing_planned_is_answered_cancelled(world: World) -> None:
    order = Order()
    request = order.cancel_requested()
    await world.tell(request)
    (answer,) = await world.told(order)
    assert answer["type"] == "shipment.cancelled"
    assert answer["fulfilment"]["shipments"] == []
    assert request.order.cancel_request is not None
    assert answer["fulfilment"]["answered_cancel"] == str(request.order.cancel_request.id)


async def test_a_cancel_of_what_is_only_planned_is_answered_at_once_and_nothing_can_be_booked_after(
    world: World,
) -> None:
    order = Order(method="fan-by-hand")
    await world.tell(order.confirmed(), order.cancel_requested(), order.ready())
    assert await world.types(order) == ["shipment.cancelled"]
    reply = await world.api.post(f"/v1/fulfilments/{order.id}/book", json={})
    assert reply.status_code == 409
    assert not world.fan.asked("book")


async def test_a_booked_parcel_is_cancelled_at_the_courier(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.tell(order.cancel_requested())
    answer = await world.until_told(order, "shipment.cancelled")
    assert [each["state"] for each in answer["fulfilment"]["shipments"]] == ["cancelled"]
    assert [each["awb"] for each in world.fan.did("cancelled")] == [shipment["awb"]]
    costs = await world.told(order, "cost.recorded")
    assert [cost["amount"]["amount"] for cost in costs][-1] == "0.00", "an AWB that was given up costs nothing"


async def test_a_parcel_the_courier_has_is_kept(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.fan.move(shipment["awb"], "C0")
    await world.tell(order.cancel_requested())
    answer = await world.until_told(order, "shipment.kept")
    assert answer["fulfilment"]["shipments"][0]["state"] in ("booked", "dispatched")
    assert "shipment.cancelled" not in await world.types(order)


@pytest.mark.parametrize(
    ("how", "patience"), [("late", 1), ("drop_after_effect", 20), ("error500_after", 20), ("error500", 20)]
)
async def test_a_cancel_whose_outcome_is_unknown_is_found_out(world: World, how: str) -> None:
    order = Order()
    await world.tell(order.confirmed())
    await world.until_state(order, "booked")
    await world.fan.misbehave("cancel", how, delay_ms=1500)
    await world.tell(order.cancel_requested())
    await world.until_told(order, "shipment.cancelled")
    assert len(world.fan.did("cancelled")) == 1
    assert not world.fan.awbs


@pytest.mark.parametrize(("how", "patience"), [("late", 1), ("drop_after_effect", 20)])
async def test_a_cancel_waits_for_a_booking_that_is_unknown(world: World, how: str) -> None:
    await world.fan.misbehave("book", how, delay_ms=1500)
    order = Order()
    await world.tell(order.confirmed())
    await until(world.booked)
    await world.tell(order.cancel_requested())
    assert await world.types(order) == [], "nobody knows yet what the courier holds"
    answer = await world.until_told(order, "shipment.cancelled")
    assert answer["fulfilment"]["answered_cancel"] is not None
    await until(lambda: not world.fan.awbs)
    assert len(world.booked()) == 1


async def test_some_kept_some_cancelled_says_which(world: World) -> None:
    order = Order(method="vans", lines=(line(at={"north": "1", "south": "1"}),))
    await world.tell(order.confirmed())
    await world.until_state(order, "booked", of=2)
    north, _ = sorted((await world.fulfilment(order))["shipments"], key=lambda each: each["depot"])
    picked = await world.api.post(f"/v1/shipments/{north['id']}/events", json={"status": "picked_up"})
    assert picked.status_code == 200, picked.text
    await world.tell(order.cancel_requested())
    answer = await world.until_told(order, "shipment.kept")
    states = {each["depot"]: each["state"] for each in answer["fulfilment"]["shipments"]}
    assert states == {"north": "dispatched", "south": "cancelled"}


async def test_two_requests_are_two_answers_and_one_request_delivered_twice_is_one(world: World) -> None:
    order = Order(method="vans")
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.api.post(f"/v1/shipments/{shipment['id']}/events", json={"status": "picked_up"})
    records = await world.tell(order.cancel_requested())
    await world.deliver(*records, *records)
    await world.until_told(order, "shipment.kept")
    assert (await world.types(order)).count("shipment.kept") == 1
    await world.tell(order.changed(cancel_request=None), order.cancel_requested())
    assert (await world.types(order)).count("shipment.kept") == 2


async def test_a_cancelled_order_lets_go_of_what_is_booked_without_being_asked(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    await world.until_state(order, "booked")
    await world.tell(order.cancelled())
    await world.until_state(order, "cancelled")
    assert not world.fan.awbs


async def test_cancel_and_booking_at_once_never_leave_an_awb(world: World) -> None:
    orders = [Order() for _ in range(6)]

    async def live(order: Order) -> None:
        await world.tell(order.confirmed())
        await world.tell(order.cancel_requested())

    await asyncio.gather(*(live(order) for order in orders))
    for order in orders:
        await world.until_told(order, "shipment.cancelled")
    await until(lambda: not world.fan.awbs)
    assert len(world.booked()) == len(world.fan.did("cancelled"))
