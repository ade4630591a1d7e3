"""Labels print right after the booking: a decoder reads them, and every letter is there."""

import hashlib
import re
from typing import Any

import pypdfium2
import pytest
import zxingcpp

from tests.service.shipping.world import Order, World

A6, A4 = (297.6, 419.5), (595.3, 841.9)
WRITTEN = (
    "Ana Țepeș", "Str. Înfrățirii 5, sc. à", "505600 Săcele, Brașov", "RAMBURS 123.50 RON",
    "Sună înainte, s'il vous plaît", "Magazin SRL", "RO-2026-000001",
)  # fmt: skip


def read(pdf: bytes) -> list[dict[str, Any]]:
    """Size, text and barcodes of each page."""
    document = pypdfium2.PdfDocument(pdf)
    pages = []
    for page in document:
        picture = page.render(scale=203 / 72, grayscale=True).to_pil()  # as a thermal printer of 203 dpi
        codes = [(found.format, found.text) for found in zxingcpp.read_barcodes(picture)]
        text = page.get_textpage()
        pages.append({"size": page.get_size(), "codes": codes, "text": text.get_text_bounded()})
        text.close()
        page.close()
    document.close()
    return pages


@pytest.mark.parametrize(("size", "points"), [("A6", A6), ("A4", A4)])
async def test_f67_our_own_label_is_read_by_a_decoder(world: World, size: str, points: tuple[float, float]) -> None:
    order = Order(method="vans-by-hand", due=12350)
    await world.tell(order.confirmed())
    planned = await world.shipment(order)
    early = await world.api.get(f"/v1/shipments/{planned['id']}/label")
    assert early.status_code == 409
    shipment = (await world.api.post(f"/v1/shipments/{planned['id']}/book", json={"parcels": 2})).json()

    reply = await world.api.get(f"/v1/shipments/{planned['id']}/label?size={size}")

    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/pdf"
    pages = read(reply.content)
    assert len(pages) == 2, "a page for each parcel"
    for number, page in enumerate(pages, 1):
        assert page["size"] == pytest.approx(points, abs=1)
        assert page["codes"] == [(zxingcpp.BarcodeFormat.Code128, shipment["awb"])]
        for text in (*WRITTEN, f"{number}/2"):
            assert text in page["text"], text
    again = await world.api.get(f"/v1/shipments/{planned['id']}/label?size={size}")
    assert again.content == reply.content
    rows = await world.rows("SELECT size, sha256 FROM label")
    assert rows == [{"size": size, "sha256": hashlib.sha256(reply.content).digest()}]


@pytest.mark.parametrize("size", ["A6", "A4"])
async def test_f67_the_couriers_label_is_fetched_once(world: World, size: str) -> None:
    order = Order(method="fan-by-hand")
    await world.tell(order.confirmed())
    planned = await world.shipment(order)
    shipment = (await world.api.post(f"/v1/shipments/{planned['id']}/book", json={})).json()
    await world.fan.misbehave("label", "garbage")
    first = await world.api.get(f"/v1/shipments/{planned['id']}/label?size={size}")
    asked = len(world.fan.asked("label"))
    second = await world.api.get(f"/v1/shipments/{planned['id']}/label?size={size}")
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert len(world.fan.asked("label")) == asked
    (page,) = read(first.content)
    assert page["codes"] == [(zxingcpp.BarcodeFormat.Code128, shipment["awb"])]


@pytest.mark.parametrize("method", ["vans-by-hand", "fan-by-hand"])
async def test_f67_a_thermal_printer_gets_zpl(world: World, method: str) -> None:
    order = Order(method=method, due=12350)
    assert order.person is not None
    order.person = order.person.model_copy(update={"delivery_note": "^XZ~JA sună"})
    await world.tell(order.confirmed())
    planned = await world.shipment(order)
    shipment = (await world.api.post(f"/v1/shipments/{planned['id']}/book", json={"parcels": 2})).json()
    path = f"/v1/shipments/{planned['id']}/label?format=zpl"

    reply = await world.api.get(path)

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/zpl")
    job = reply.content.decode("ascii")
    assert job.startswith("^XA")
    assert f"^FD{shipment['awb']}^FS" in job
    assert "^BC" in job
    assert (await world.api.get(path)).content == reply.content
    assert (await world.api.get(path + "&size=A4")).status_code == 422
    if method == "vans-by-hand":
        assert (job.count("^XA"), job.count("^XZ"), job.count("~")) == (2, 2, 0), "a text is never a command"
        said = re.sub("(?:_[0-9A-F]{2})+", lambda found: bytes.fromhex(found[0].replace("_", "")).decode(), job)
        for text in (*WRITTEN[:4], "^XZ~JA sună", "Magazin SRL", "1/2", "2/2"):
            assert text in said, text
    else:
        assert len(world.fan.asked("label")) == 1


async def test_a_label_the_courier_refuses_is_said_and_can_be_asked_for_again(world: World) -> None:
    account = (await world.api.get("/v1/courier-accounts/fan1")).json()
    body = {"sender": account["sender"], "options": account["options"] | {"letters": ["A"]}}
    assert (await world.api.put("/v1/courier-accounts/fan1", json=body)).status_code == 200
    order = Order()
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    refused = await world.api.get(f"/v1/shipments/{shipment['id']}/label?size=A6")
    assert refused.status_code == 409
    assert "ePOD" in refused.json()["detail"]
    assert (await world.api.get(f"/v1/shipments/{shipment['id']}/label?size=A4")).status_code == 200


async def test_part_f35_the_awb_is_stored_and_stands_on_the_label(world: World) -> None:
    order = Order(method="vans")
    await world.tell(order.confirmed())
    shipment = await world.until_state(order, "booked")
    (row,) = await world.rows("SELECT awb FROM shipment")
    reply = await world.api.get(f"/v1/shipments/{shipment['id']}/label")
    assert row["awb"] == shipment["awb"]
    assert shipment["awb"] in read(reply.content)[0]["text"]
