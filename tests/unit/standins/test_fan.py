"""The FAN Courier stand-in: bookings, their errors, labels, reports and movement."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp

from tests.standins.fan import FanStandIn
from tests.standins.fan.rules import local_now


@pytest.fixture
async def fan() -> AsyncIterator[FanStandIn]:
    async with FanStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def http(fan: FanStandIn) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=fan.url, params={"clientId": fan.client_id}) as http:
        reply = await http.post("/login", params={"username": fan.username, "password": fan.password})
        http.headers["Authorization"] = f"Bearer {reply.json()['data']['token']}"
        yield http


def shipment(**info: Any) -> dict[str, Any]:
    address = {"county": "Iași", "locality": "Târgu Frumos", "street": "Strada Ștefan cel Mare", "streetNo": "1"}
    usual = {"service": "Standard", "packages": {"parcel": 1, "envelope": 0}, "weight": 1, "payment": "sender",
             "cod": 0, "content": "order 1", "costCenter": "REF-1", "options": ["X"]}  # fmt: skip
    recipient = {"name": "Țuțea Ănă", "phone": "0722123456", "email": "a@example.com", "address": address}
    return {"info": usual | info, "recipient": recipient}


async def book(http: httpx.AsyncClient, fan: FanStandIn, *shipments: Any) -> list[Any]:
    reply = await http.post("/intern-awb", json={"clientId": fan.client_id, "shipments": shipments})
    assert reply.status_code == 200
    return list(reply.json()["response"])


async def test_each_shipment_is_booked_or_refused_for_itself(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    good, rich, long = await book(
        http, fan, shipment(), shipment(cod=10000.01), shipment(content="x" * 256, costCenter="y" * 41)
    )
    assert len(str(good["awbNumber"])) == 13
    assert good["errors"] is None
    assert (rich["awbNumber"], list(rich["errors"])) == (None, ["info.cod"])
    assert sorted(long["errors"]) == ["info.content", "info.costCenter"]
    assert [entry["reference"] for entry in fan.did("booked")] == ["REF-1"]


async def test_a_booking_whose_answer_was_lost_is_on_the_slip(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    await fan.misbehave("book", "drop_after_effect")
    with pytest.raises(httpx.TransportError):
        await book(http, fan, shipment(costCenter="LOST"))
    slip = (await http.get("/reports/awb", params={"date": local_now().strftime("%Y-%m-%d")})).json()
    assert [row["info"]["costCenter"] for row in slip["data"]] == ["LOST"]
    assert slip["data"][0]["info"]["awbNumber"] == fan.did("booked")[0]["awb"]


async def test_the_label_is_a_pdf_with_the_awb_as_barcode(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    [booked] = await book(http, fan, shipment())
    awb = str(booked["awbNumber"])
    for size in ("A4", "A6"):
        reply = await http.get("/awb/label", params={"awbs[]": awb, "pdf": 1, "format": size})
        page = pypdfium2.PdfDocument(io.BytesIO(reply.content))[0].render(scale=3).to_pil()
        assert [found.text for found in zxingcpp.read_barcodes(page)] == [awb]


async def test_only_what_has_not_left_is_cancelled(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    first, second = (str(row["awbNumber"]) for row in await book(http, fan, shipment(), shipment()))
    assert (await http.delete("/awb", params={"awb": first})).status_code == 200
    await fan.move(second, "C0")
    assert (await http.delete("/awb", params={"awb": second})).status_code == 422
    assert [entry["awb"] for entry in fan.did("cancelled")] == [first]


async def test_events_come_oldest_first_or_not_on_command(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    [booked] = await book(http, fan, shipment(service="Cont Colector", cod=99.9))
    awb = str(booked["awbNumber"])
    await fan.move(awb, "C0", "H1", "S1", "S2")

    async def ids() -> list[str]:
        [row] = (await http.get("/reports/awb/tracking", params={"awb[]": awb})).json()["data"]
        return [event["id"] for event in row["events"]]

    assert await ids() == ["C0", "H1", "S1", "S2"]
    await fan.misbehave("track", "out_of_order")
    await fan.misbehave("track", "twice")
    assert await ids() == ["S2", "S1", "H1", "C0"]
    assert await ids() == ["C0", "C0", "H1", "H1", "S1", "S1", "S2", "S2"]
    day = local_now()
    paid = (await http.get("/reports/bank-transfers", params={"date": day.strftime("%Y-%m-%d")})).json()
    assert [(row["info"]["awbNumber"], row["info"]["amountCollected"]) for row in paid["data"]] == [(awb, "99.90")]
    assert paid["data"][0]["info"]["transferDate"] == day.strftime("%d.%m.%Y")


async def test_parcels_move_by_themselves_where_told() -> None:
    async with FanStandIn(auto_ms=10) as fan, httpx.AsyncClient(base_url=fan.url) as http:
        reply = await http.post("/login", json={"username": fan.username, "password": fan.password})
        http.headers["Authorization"] = f"Bearer {reply.json()['data']['token']}"
        [booked] = await book(http, fan, shipment())
        asked = {"clientId": fan.client_id, "awb[]": booked["awbNumber"]}
        ids: list[str] = []
        async with asyncio.timeout(10):
            while len(ids) < 4:
                [row] = (await http.get("/reports/awb/tracking", params=asked)).json()["data"]
                ids = [event["id"] for event in row["events"]]
    assert ids == ["C0", "H1", "S1", "S2"]


async def test_without_a_live_token_nothing_is_answered(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    assert (await http.post("/login", params={"username": "x", "password": "y"})).status_code == 401
    await fan.control("tokens/expire")
    assert (await http.get("/reports/awb")).status_code == 401


async def test_a_pickup_is_ordered_and_a_price_quoted(fan: FanStandIn, http: httpx.AsyncClient) -> None:
    info = {"orderType": "Standard", "pickupDate": "2026-11-23", "pickupHours": {"first": "10:00", "second": "14:00"}}
    reply = await http.post("/order", json={"clientId": fan.client_id, "info": info})
    assert reply.json()["data"]["id"] == 1
    asked = {"info[weight]": "3", "recipient[county]": "Iași", "recipient[locality]": "Iași"}
    price = (await http.get("/reports/awb/internal-tariff", params=asked)).json()["data"]
    assert (price["costNoVAT"], price["vat"], price["total"]) == (22.25, 4.67, 26.92)
