"""An order's way through facts of the other services, on a real database."""

from libs.service.migrations import assert_models_match
from libs.service.testing import ServiceClient
from services.orders.schema import metadata
from tests.service.orders.stage import hear, number_of, placed, topics, whole
from tests.unit.orders.said import Said


async def test_the_migrated_tables_are_those_of_the_models(orders_url: str) -> None:
    await assert_models_match(orders_url, metadata)


async def test_an_order_goes_all_the_way(api: ServiceClient) -> None:
    order = await placed(api)
    assert (order["number"], order["lifecycle"], order["stock"]) == (number_of(order, 1), "open", "pending")
    said = Said(order)
    await hear(api, said.money("awaiting"), said.stock("reserved"), said.money("received"))
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed"
    await hear(
        api, said.parcels("booked"), said.parcels("dispatched"), said.stock("deducted"), said.parcels("delivered")
    )
    done = await whole(api, order["id"])
    assert (done["lifecycle"], done["payment"], done["fulfilment"]) == ("completed", "received", "delivered")
    assert await topics(api, order) == [
        "order.created",
        "payment.pending",
        "stock.reserved",
        "order.reserved",
        "payment.received",
        "order.paid",
        "order.confirmed",
        "shipment.created",
        "shipment.dispatched",
        "order.shipped",
        "stock.deducted",
        "shipment.delivered",
        "order.delivered",
        "order.completed",
    ]
