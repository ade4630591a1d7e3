"""After a restore: what couriers did since the backup is found out, and nothing of it is done again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from libs.events.transaction import Cause, new_id
from libs.service import restoring
from libs.service.testing import running, until
from services.shipping.__main__ import service
from services.shipping.consignment import consignment
from services.shipping.couriers.registry import Couriers
from services.shipping.restore import restore
from services.shipping.shipment import Shipment
from tests.service.shipping.world import ANA, Order, World
from tests.standins.fan.app import FanStandIn

NUMBER = "RO-2026-000001"


async def booked_and_lost(world: World, reference: str) -> str:
    """An AWB that the courier gave after the backup: nothing here knows it."""
    order = Order().snapshot()
    shipment = Shipment(new_id(), "main", order.delivery_kind, "fan", "fan1", "token")  # type: ignore[arg-type]
    asked = consignment(order, ANA, shipment, reference)
    assert asked is not None
    async with world.api.context.uow(Cause("system:test")) as tx:
        courier = await Couriers(world.api.context.settings, world.api.context.http).of(tx, "fan1")
    made: Any = await courier.book(asked)
    return str(made.data.awb)


async def read_again(world: World) -> list[dict[str, Any]]:
    await restore(world.api.context, datetime.now(UTC) - timedelta(minutes=5))
    items: list[dict[str, Any]] = (await world.api.get("/v1/unannounced-parcels")).json()["items"]
    return items


async def waits_for_a_person(world: World, order: Order) -> None:
    async def waiting() -> bool:
        (call,) = await world.rows("SELECT * FROM courier_call WHERE order_id = $1", order.id)
        return call["call_state"] == "due" and "unannounced" in (call["last_error"] or "")

    await until(waiting)


async def test_a_parcel_without_a_row_is_listed_once_and_no_second_one_is_booked_until_a_person_says_so(
    world: World,
) -> None:
    """Guard: the look at open rows just before a booking is sent."""
    awb = await booked_and_lost(world, "LOST-1")
    (listed,) = await read_again(world)
    assert await read_again(world) == [listed]
    assert (listed["awb"], listed["order_number"], listed["reference"]) == (awb, NUMBER, "LOST-1")
    order = Order()
    await world.tell(order.confirmed())
    await waits_for_a_person(world, order)
    assert len(world.booked()) == 1
    path = f"/v1/unannounced-parcels/{listed['id']}"
    adopted = await world.api.post(f"{path}/adopt", json={})
    assert (adopted.status_code, adopted.json()["closed_as"]) == (200, "adopted"), adopted.text
    shipment = await world.until_state(order, "booked")
    assert shipment["awb"] == awb
    assert len(world.booked()) == 1
    assert (await world.api.get("/v1/unannounced-parcels")).json()["items"] == []
    assert (await world.api.post(f"{path}/dismiss", json={"note": "twice"})).status_code == 409


async def test_a_parcel_that_was_given_up_lets_the_order_have_its_own(world: World) -> None:
    awb = await booked_and_lost(world, "LOST-1")
    (listed,) = await read_again(world)
    order = Order()
    await world.tell(order.confirmed())
    await waits_for_a_person(world, order)
    path = f"/v1/unannounced-parcels/{listed['id']}/dismiss"
    assert (await world.api.post(path, json={"note": "given up at the courier"})).status_code == 200
    shipment = await world.until_state(order, "booked")
    assert shipment["awb"] not in (None, awb)
    assert len(world.booked()) == 2


async def test_nothing_is_adopted_where_nothing_waits(world: World) -> None:
    await booked_and_lost(world, "LOST-1")
    (listed,) = await read_again(world)
    reply = await world.api.post(f"/v1/unannounced-parcels/{listed['id']}/adopt", json={})
    assert reply.status_code == 409
    absent = await world.api.post(f"/v1/unannounced-parcels/{new_id()}/adopt", json={})
    assert absent.status_code == 404


async def test_a_booking_that_was_due_in_the_backup_and_was_made_since_is_found_and_not_made_again(
    shipping_url: str, bus_url: str, fan: FanStandIn
) -> None:
    """Guard: what is due becomes unknown before any loop starts."""
    settings = {"fan_base_url": fan.url, "look_up_after": 0.2, "absence_grace": 0.2, "courier_timeout": 20}
    order = Order()
    async with running(service, shipping_url, bus_url, parts=("api",), **settings) as api:  # type: ignore[arg-type]
        world = World(api, fan)
        await world.given_methods()
        await world.tell(order.confirmed())
        (due,) = await world.rows("SELECT * FROM courier_call")
        awb = await booked_and_lost(world, due["reference"])
    await restoring.begin(shipping_url, "shipping", datetime.now(UTC), service.calls)
    async with running(service, shipping_url, bus_url, **settings) as api:  # type: ignore[arg-type]
        world = World(api, fan)
        await restore(api.context, datetime.now(UTC))
        assert await world.rows("SELECT * FROM unannounced") == []
        assert (await world.shipment(order))["state"] == "booking", "calls wait for the end of the restore"
        await restoring.finish(shipping_url)
        assert (await world.until_state(order, "booked"))["awb"] == awb
    assert len(fan.did("booked")) == 1


async def test_a_list_that_cannot_be_read_is_said(world: World) -> None:
    await world.fan.misbehave("slip", "error500", times=10)
    found = await restore(world.api.context, datetime.now(UTC))
    assert found.left == 1
