"""From a confirmed order to an AWB, once, whatever the courier does."""

import asyncio
from typing import Any

import pytest

from libs.contracts.common import Address, Quantity
from libs.service.testing import running, until
from services.shipping.__main__ import service
from services.shipping.calls import CourierCalls
from services.shipping.couriers.registry import Couriers
from services.shipping.strays import Strays
from tests.service.shipping.world import ANA, Order, World, line
from tests.standins.fan.app import FanStandIn


async def test_f66_one_call_sends_the_order_to_the_courier_and_returns_the_awb(world: World) -> None:
    order = Order(method="fan-by-hand", due=12350)
    await world.tell(order.created(), order.confirmed())
    planned = await world.shipment(order)
    assert (planned["state"], planned["awb"]) == ("planned", None)
    assert planned["weight_g"] == 700

    reply = await world.api.post(f"/v1/shipments/{planned['id']}/book", json={"parcels": 2, "weight_g": 1250})

    assert reply.status_code == 200, reply.text
    shipment = reply.json()
    (booking,) = world.booked()
    assert (shipment["awb"], shipment["state"]) == (booking["awb"], "booked")
    sent = world.fan.awbs[booking["awb"]]
    assert sent["recipient"]["name"] == "Ana Țepeș"
    assert sent["recipient"]["phone"] == "0722123456"
    assert sent["recipient"]["address"] == {
        "county": "Brașov", "locality": "Săcele", "street": "Str. Înfrățirii 5, sc. à", "zipCode": "505600",
    }  # fmt: skip
    assert sent["info"]["packages"] == {"parcel": 2, "envelope": 0}
    assert (sent["info"]["weight"], sent["info"]["cod"]) == (1.2, 123.5)
    assert sent["info"]["service"] == "Cont Colector", "cash comes back by bank transfer"
    assert "RO-2026-000001" in sent["info"]["content"]
    (created,) = await world.told(order)
    assert created["type"] == "shipment.created"
    assert created["fulfilment"]["shipments"][0]["awb"] == booking["awb"]
    assert created["fulfilment"]["shipments"][0]["cash_on_delivery"] == {"amount": "123.50", "currency": "RON"}
    (cost,) = await world.told(order, "cost.recorded")
    assert (cost["kind"], cost["actual"]) == ("delivery", False)
    assert cost["amount"] == shipment["cost"]


async def test_f66_by_order_books_every_shipment_and_again_changes_nothing(world: World) -> None:
    mugs = line("3", at={"north": "1", "south": "2"})
    order = Order(method="fan-by-hand", lines=(mugs,), due=5000)
    await world.tell(order.confirmed())

    first = await world.api.post(f"/v1/fulfilments/{order.id}/book", json={})
    again = await world.api.post(f"/v1/fulfilments/{order.id}/book", json={})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json()["shipments"] == again.json()["shipments"]
    shipments = {each["depot"]: each for each in first.json()["shipments"]}
    assert {depot: each["lines"][0]["quantity"] for depot, each in shipments.items()} == {"north": "1", "south": "2"}
    assert [each["cash_on_delivery"] for each in shipments.values()].count(None) == 1, "the cash is collected once"
    assert sorted(each["awb"] for each in world.booked()) == sorted(each["awb"] for each in shipments.values())


async def test_f66_an_idempotency_key_is_answered_again_and_books_once(world: World) -> None:
    order = Order(method="fan-by-hand")
    await world.tell(order.confirmed())
    shipment = await world.shipment(order)
    headers = {"Idempotency-Key": "one-click"}
    replies = await asyncio.gather(
        *(world.api.post(f"/v1/shipments/{shipment['id']}/book", json={}, headers=headers) for _ in range(3))
    )
    assert {reply.status_code for reply in replies} <= {200, 202}
    await world.until_state(order, "booked")
    assert len(world.booked()) == 1


async def test_an_order_is_booked_by_itself_when_confirmed_where_the_method_says_so(world: World) -> None:
    order = Order(method="fan")
    await world.tell(order.created(), order.reserved())
    assert (await world.api.get(f"/v1/fulfilments/{order.id}")).status_code == 404
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    assert [each["awb"] for each in world.booked()] == [shipment["awb"]]


async def test_order_ready_books_what_waits_for_it(world: World) -> None:
    order = Order(method="fan-by-hand")
    await world.tell(order.confirmed())
    assert (await world.shipment(order))["state"] == "planned"
    await world.tell(order.ready())
    await world.until_state(order, "booked")


@pytest.mark.parametrize(
    ("how", "patience"), [("late", 1), ("drop_after_effect", 20), ("garbage", 20), ("error500_after", 20)]
)
async def test_a_booking_whose_answer_is_lost_is_found_and_not_repeated(world: World, how: str) -> None:
    await world.fan.misbehave("book", how, delay_ms=1500)
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    (booking,) = world.booked()
    assert shipment["awb"] == booking["awb"]
    assert len(world.fan.asked("book")) == 1, "the courier was asked once"
    stuck = [fact["type"] for fact in await world.told(order, "work.%")]
    assert stuck == ["work.stuck", "work.cleared"]


@pytest.mark.parametrize("how", ["error500", "drop_before"])
async def test_a_booking_that_never_happened_is_made_under_a_new_reference(world: World, how: str) -> None:
    await world.fan.misbehave("book", how)
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    assert [each["awb"] for each in world.booked()] == [shipment["awb"]]
    calls = await world.rows(
        "SELECT reference, call_state, absent FROM courier_call WHERE kind = 'book' ORDER BY asked_at"
    )
    assert [(call["call_state"], call["absent"]) for call in calls] == [("failed", 2), ("succeeded", 0)]
    assert len({call["reference"] for call in calls}) == 2


@pytest.mark.parametrize("how", ["rate_limit", "unauthorized"])
async def test_a_courier_that_says_not_now_is_asked_again_under_the_same_reference(world: World, how: str) -> None:
    await world.fan.misbehave("book", how, times=3)
    order = Order()
    await world.tell(order.confirmed())
    await world.until_state(order, "booked")
    assert len(world.booked()) == 1
    assert len(await world.rows("SELECT 1 AS one FROM courier_call")) == 1


async def test_a_token_that_the_courier_forgot_is_fetched_anew(world: World) -> None:
    first, second = Order(), Order()
    await world.tell(first.confirmed())
    await world.until_state(first, "booked")
    await world.fan.control("tokens/expire")
    await world.tell(second.confirmed())
    await world.until_state(second, "booked")
    assert len(world.fan.asked("login")) == 2
    assert len(world.booked()) == 2


async def test_what_the_courier_refuses_is_told_with_its_field_and_can_be_booked_again(world: World) -> None:
    order = Order(due=10_000_01)
    await world.tell(order.confirmed())
    failed = await world.until_state(order, "failed")
    assert failed["failure"] == "info.cod: at most 10000.00 RON"
    assert await world.types(order) == ["shipment.failed"]
    assert not world.fan.asked("book")

    order.due = 10_000_00
    await world.tell(order.changed())
    reply = await world.api.post(f"/v1/shipments/{failed['id']}/book", json={})
    assert reply.json()["state"] == "booked", reply.text
    assert await world.types(order) == ["shipment.failed", "shipment.created"]


async def test_a_second_awb_for_one_booking_is_given_up(world: World) -> None:
    """The same request arrives at the courier twice and the answer is lost: the look-up finds two."""
    await world.fan.misbehave("book", "drop_after_effect")
    order = Order(method="fan-by-hand")
    await world.tell(order.confirmed())
    shipment = await world.shipment(order)
    booking = asyncio.create_task(world.api.post(f"/v1/shipments/{shipment['id']}/book", json={}))
    await until(world.booked)
    twin: dict[str, Any] = dict(world.fan.awbs[world.booked()[0]["awb"]]) | {"awbNumber": "9999999999999"}
    world.fan.awbs["9999999999999"] = twin
    assert (await booking).json()["state"] == "booked"
    await until(lambda: world.fan.did("cancelled"))
    assert {each["awb"] for each in world.fan.did("cancelled")} == {"9999999999999"}
    assert (await world.shipment(order))["state"] == "booked"
    assert list(world.fan.awbs) == [(await world.shipment(order))["awb"]]


async def test_while_an_order_is_held_nothing_is_booked(world: World) -> None:
    other = Order()
    await world.tell(other.held(), other.confirmed())
    assert (await world.shipment(other))["state"] == "planned"
    refused = await world.api.post(f"/v1/fulfilments/{other.id}/book", json={})
    assert refused.status_code == 409
    assert "held" in refused.json()["detail"]
    await world.tell(other.released())
    await world.until_state(other, "booked")


async def test_a_booking_that_is_due_is_withdrawn_when_a_hold_comes_before_the_courier_is_asked(
    shipping_url: str, bus_url: str, fan: FanStandIn
) -> None:
    async with running(service, shipping_url, bus_url, parts=("api",), fan_base_url=fan.url) as api:
        world = World(api, fan)
        await world.given_methods()
        couriers = Couriers(api.context.settings, api.context.http)
        calls = CourierCalls(api.context.uow, couriers, api.context.settings).outside
        order, gone = Order(), Order()
        await world.tell(order.confirmed(), order.held(), gone.confirmed(), gone.cancel_requested())
        assert (await world.shipment(order))["state"] == (await world.shipment(gone))["state"] == "booking"
        assert await world.types(gone) == []
        await calls.due_round()
        assert (await world.shipment(order))["state"] == "planned"
        assert await world.types(gone) == ["shipment.cancelled"]
        assert not fan.asked("book")
        await world.tell(order.released())
        await calls.due_round()
        assert (await world.shipment(order))["state"] == "booked"
        assert len(world.booked()) == 1


async def test_a_change_of_address_gives_up_the_awb_and_books_anew(world: World) -> None:
    order = Order()
    await world.tell(order.confirmed())
    first = await world.until_state(order, "booked")
    order.person = ANA.model_copy(
        update={"shipping": Address(country="RO", region="Cluj", city="Cluj-Napoca", street="Lungă 1")}
    )
    await world.tell(order.changed())
    await world.until_state(order, "cancelled")
    second = await world.until_state(order, "booked")
    assert second["awb"] != first["awb"]
    assert world.fan.awbs[second["awb"]]["recipient"]["address"]["locality"] == "Cluj-Napoca"
    assert first["awb"] not in world.fan.awbs


async def test_fewer_goods_give_up_the_awb_more_goods_add_a_shipment(world: World) -> None:
    mugs = line("3")
    order = Order(lines=(mugs,))
    await world.tell(order.confirmed())
    await world.until_state(order, "booked")
    order.lines = (mugs.model_copy(update={"cut": Quantity.parse("1")}),)
    await world.tell(order.changed())
    await world.until_state(order, "cancelled")
    smaller = await world.until_state(order, "booked")
    assert smaller["lines"] == [{"line_id": str(mugs.id), "quantity": "2"}]
    plates = line("1")
    order.lines = (*order.lines, plates)
    await world.tell(order.changed())
    await world.until_state(order, "booked", of=2)
    assert len(world.fan.awbs) == 2


@pytest.mark.parametrize("patience", [1])
async def test_a_slow_courier_that_books_after_it_was_given_up_loses_the_stray(world: World) -> None:
    await world.fan.misbehave("book", "slow", delay_ms=4000)
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    await until(lambda: len(world.booked()) == 2, why="the slow booking lands at last")
    context = world.api.context
    await Strays(context.uow, Couriers(context.settings, context.http), context.settings).round()
    await until(lambda: world.fan.did("cancelled"))
    assert list(world.fan.awbs) == [shipment["awb"]]
