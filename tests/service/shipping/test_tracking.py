"""Where parcels are: by polling, by a signed callback, by hand; forward only."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from libs.service.testing import until
from services.shipping.consignment import reference
from services.shipping.couriers.callbacks import signature
from tests.service.shipping.world import Order, World
from tests.telltale import telltales


async def test_part_f34_a_courier_is_asked_where_parcels_are_and_they_move_forward(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.fan.move(shipment["awb"], "C0", "H1")
    await world.until_state(order, "dispatched")
    await world.fan.move(shipment["awb"], "S1", "S2")
    delivered = await world.until_state(order, "delivered")
    assert delivered["dispatched_at"] is not None
    assert delivered["delivered_at"] is not None
    types = await world.types(order)
    assert types[0] == "shipment.created"
    assert types[-1] == "shipment.delivered"
    assert types.count("shipment.dispatched") == types.count("shipment.delivered") == 1
    detail = (await world.api.get(f"/v1/shipments/{shipment['id']}")).json()
    assert [each["code"] for each in detail["events"]] == ["C0", "H1", "S1", "S2"]
    assert await world.rows("SELECT next_poll_at FROM shipment") == [{"next_poll_at": None}], "nobody asks any more"


async def test_tracking_out_of_order_and_twice_changes_nothing(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    for how in ("twice", "out_of_order", "twice"):
        await world.fan.misbehave("tracking_events", how)
    await world.fan.move(shipment["awb"], "C0", "H1", "S1", "S2")
    await world.until_state(order, "delivered")
    assert (await world.types(order)).count("shipment.delivered") == 1
    rows = await world.rows("SELECT code FROM tracking_event ORDER BY occurred_at, code")
    assert len(rows) == 4


async def test_a_returned_and_a_lost_parcel_are_told(world: World) -> None:
    back, gone = Order(), Order()
    await world.tell(back.confirmed(), gone.confirmed())
    returned, lost = await world.until_state(back, "booked"), await world.until_state(gone, "booked")
    await world.fan.move(returned["awb"], "C0", "S6", "S33")
    await world.until_state(back, "returning")
    await world.fan.move(returned["awb"], "S43")
    await world.fan.move(lost["awb"], "C0", "S37")
    await world.until_state(back, "returned")
    await world.until_state(gone, "lost")
    assert [kind for kind in await world.types(back) if kind != "cost.recorded"][-1] == "shipment.returned"
    assert (await world.types(gone))[-1] == "shipment.lost"


async def test_part_f71_the_way_back_is_estimated_once_at_what_the_way_there_was(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.fan.move(shipment["awb"], "C0", "S6", "S33")
    await world.until_state(order, "returning")
    await world.fan.move(shipment["awb"], "S43")
    await world.until_state(order, "returned")
    there, back = await world.told(order, "cost.recorded")
    assert (there["kind"], back["kind"], back["actual"]) == ("delivery", "return_delivery", False)
    assert (back["amount"], back["source"]) == (there["amount"], there["source"])
    assert back["cost"] != there["cost"]


async def test_an_unknown_code_is_kept_and_said_once(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await world.fan.move(shipment["awb"], "Z9")
    await until(lambda: world.rows("SELECT * FROM tracking_event"))
    assert (await world.shipment(order))["state"] == "booked", "an unknown code alone moves nothing"
    await world.fan.move(shipment["awb"], "C0", "Z9")
    await world.until_state(order, "dispatched")
    rows = await world.rows("SELECT courier, code FROM unmapped_code")
    assert rows == [{"courier": "fan", "code": "Z9"}]


async def test_a_courier_that_is_away_is_asked_again(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    for how in ("error500", "garbage", "drop_before", "rate_limit"):
        await world.fan.misbehave("track", how)
    await world.fan.move(shipment["awb"], "C0")
    await world.until_state(order, "dispatched")


async def post(world: World, account: str, body: bytes, secret: str, *, at: float | None = None) -> httpx.Response:
    stamp = str(int(at or time.time()))
    headers = {"Callback-Timestamp": stamp, "Callback-Signature": signature(secret, stamp, body)}
    return await world.api.as_role("").post(f"/v1/courier-callbacks/{account}", content=body, headers=headers)


def events(awb: str, *codes: str) -> bytes:
    start = datetime(2026, 11, 22, 8, tzinfo=UTC)
    told = [
        {"awb": awb, "code": code, "occurred_at": (start + timedelta(hours=n)).isoformat(), "location": "Brașov"}
        for n, code in enumerate(codes)
    ]
    return json.dumps({"events": told}).encode()


async def secret_of(world: World, account: str) -> str:
    reply = await world.api.post(f"/v1/courier-accounts/{account}/callback-secrets")
    return str(reply.json()["secret"])


async def test_part_f34_a_signed_callback_moves_a_parcel_and_nothing_else_does(world: World) -> None:
    order = Order(method="vans")
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    first = await secret_of(world, "vans")
    body = events(shipment["awb"], "picked_up", "in_transit")

    assert (await post(world, "vans", body, "wrong")).status_code == 401
    assert (await post(world, "vans", body, first, at=time.time() - 400)).status_code == 401
    assert (await post(world, "vans", body, first, at=time.time() + 400)).status_code == 401
    assert (await post(world, "fan1", body, first)).status_code == 401
    assert (await post(world, "nobody", body, first)).status_code == 401
    unsigned = await world.api.as_role("").post("/v1/courier-callbacks/vans", content=body)
    assert unsigned.status_code == 401
    stamp = str(int(time.time()))
    headers = {"Callback-Timestamp": stamp, "Callback-Signature": signature(first, stamp, body)}
    tampered = await world.api.post("/v1/courier-callbacks/vans", content=body + b" ", headers=headers)
    assert tampered.status_code == 401
    assert await world.rows("SELECT * FROM callback") == []

    assert (await post(world, "vans", body, first)).status_code == 202
    assert (await world.until_state(order, "dispatched"))["status"] == "in_transit"
    second = await secret_of(world, "vans")
    delivered = events(shipment["awb"], "picked_up", "in_transit", "out_for_delivery", "delivered")
    assert (await post(world, "vans", delivered, first)).status_code == 202, "the secret before stays live"
    await world.until_state(order, "delivered")
    await secret_of(world, "vans")
    assert (await post(world, "vans", delivered, first)).status_code == 401, "two are live"
    assert (await post(world, "vans", delivered, second)).status_code == 202
    assert (await world.types(order)).count("shipment.delivered") == 1


async def test_a_callback_may_name_an_awb_before_we_know_it(world: World) -> None:
    secret = await secret_of(world, "vans")
    order = Order(method="vans-by-hand")
    await world.tell(order.confirmed())
    planned = await world.shipment(order)
    (row,) = await world.rows("SELECT last_value AS n, is_called FROM reference_number")
    number = row["n"] + 1 if row["is_called"] else row["n"]
    now = datetime.now(UTC)
    awbs = [reference(number, day) for day in (now, now + timedelta(days=1))]  # midnight may come in between
    for awb in awbs:
        assert (await post(world, "vans", events(awb, "picked_up"), secret)).status_code == 202
    await until(lambda: world.rows("SELECT 1 AS one FROM callback HAVING count(*) FILTER (WHERE attempts > 0) = 2"))
    reply = await world.api.post(f"/v1/shipments/{planned['id']}/book", json={})
    assert reply.json()["awb"] in awbs
    await world.until_state(order, "dispatched")


async def test_a_callback_that_is_none_is_parked_and_said(world: World) -> None:
    secret = await secret_of(world, "vans")
    assert (await post(world, "vans", b"not json", secret)).status_code == 202
    both = " UNION ALL ".join(
        f"SELECT payload FROM {table} WHERE type = 'work.stuck'"  # noqa: S608 - constants
        for table in ("outbox", "outbox_sent")
    )
    rows = await until(lambda: world.rows(both))
    assert "parked" in rows[0]["payload"]
    (row,) = await world.rows("SELECT state FROM callback")
    assert row["state"] == "parked"
    too_large = await post(world, "vans", b"x" * (256 * 1024 + 1), secret)
    assert too_large.status_code == 413


async def test_f36_own_parcels_have_a_public_page_without_a_name(world: World) -> None:
    order = Order(method="vans")
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    scanned: dict[str, Any] = {"status": "picked_up", "location": "<b>București</b>", "text": "Ana"}
    assert (await world.api.post(f"/v1/shipments/{shipment['id']}/events", json=scanned)).status_code == 200
    path = shipment["link"].removeprefix("https://shop.example")
    page = await world.api.as_role("").get(path)
    assert page.status_code == 200
    assert shipment["awb"] in page.text
    assert "Ridicat" in page.text, "in the order's language"
    assert "&lt;b&gt;București" in page.text
    assert telltales(page.text, ("<b>", "Ana", "Țepeș")) == []
    assert (await world.api.as_role("").get(path + "x")).status_code == 404


async def test_f36_a_couriers_parcel_has_its_tracking_link(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    assert shipment["link"] == f"https://www.fancourier.ro/awb-tracking/?tracking={shipment['awb']}"
    (created,) = await world.told(order)
    assert created["fulfilment"]["shipments"][0]["link"] == shipment["link"]


async def test_scans_are_for_own_parcels_and_pick_ups_and_not_while_held(world: World) -> None:
    fans, mine, counter = Order(), Order(method="vans"), Order(method="shop")
    await world.tell(fans.confirmed(), mine.confirmed(), counter.confirmed())
    theirs, ours = await world.until_state(fans, "booked"), await world.until_state(mine, "booked")
    pickup = await world.shipment(counter)

    async def scan(shipment: dict[str, Any], status: str) -> int:
        reply = await world.api.post(f"/v1/shipments/{shipment['id']}/events", json={"status": status})
        return reply.status_code

    assert await scan(theirs, "delivered") == 409
    await world.tell(mine.held())
    assert await scan(ours, "picked_up") == 409
    await world.tell(mine.released())
    assert await scan(ours, "picked_up") == 200
    assert await scan(pickup, "picked_up") == 409
    assert await scan(pickup, "delivered") == 200
    assert await world.types(counter) == ["shipment.dispatched", "shipment.delivered"]
    assert (await world.api.post(f"/v1/shipments/{pickup['id']}/book", json={})).status_code == 200
    assert (await world.shipment(counter))["awb"] is None


async def test_what_makes_no_sense_is_refused_and_never_breaks(world: World) -> None:
    order = Order(method="vans")
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    for time_ in ("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-11-22T10:00:00"):
        body = {"status": "picked_up", "occurred_at": time_}
        reply = await world.api.post(f"/v1/shipments/{shipment['id']}/events", json=body)
        assert (reply.status_code, reply.json()["errors"][0]["field"]) == (422, "occurred_at")
    for path in ("/v1/track/%00", "/v1/shipments/%00", "/v1/shipments?after=x", "/v1/delivery-methods/%00",
                 "/v1/shipments?state=teleported", "/v1/delivery-methods?after=WyJhXHUwMDAwIl0"):  # fmt: skip
        assert (await world.api.get(path)).status_code in (400, 404, 422), path
    assert (await world.api.post("/v1/courier-callbacks/%00", content=b"{}")).status_code in (401, 422)
