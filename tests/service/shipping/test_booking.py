"""From a confirmed order to an AWB, once, whatever the courier does."""

from tests.service.shipping.world import Order, World


async def test_f66_one_call_sends_the_order_to_the_courier_and_returns_the_awb(world: World) -> None:
    order = Order(method="fan-by-hand", due=12350)
    await world.tell(order.created(), order.confirmed())
    planned = await world.shipment(order)
    assert (planned["state"], planned["awb"]) == ("planned", None)

    reply = await world.api.post(f"/v1/shipments/{planned['id']}/book", json={"parcels": 2, "weight_g": 1250})

    assert reply.status_code == 200, reply.text
    shipment = reply.json()
    (booking,) = world.booked()
    assert shipment["awb"] == booking["awb"]
    assert shipment["state"] == "booked"
    (asked,) = world.fan.asked("book")
    print(asked)
    assert await world.types(order) == ["shipment.created"]
