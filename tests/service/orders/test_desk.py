"""What people and programs read: lists and filters, money, parcels, the timeline, and the feed of new orders."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.common import Cost, CostRecorded, Money, Stuck, WorkCleared, WorkStuck
from libs.contracts.notifications import NotificationSent
from libs.events.transaction import new_id
from libs.service.testing import ServiceClient, running, until
from services.orders.__main__ import service
from tests.service.orders.stage import hear, open_shop, placed, topics, whole
from tests.unit.orders.said import Said, submitted


async def found(api: ServiceClient, **narrowed: Any) -> list[str]:
    """The external ids a list shows."""
    answer = await api.get("/v1/orders", params=narrowed)
    assert answer.status_code == 200, answer.text
    return [row["external_id"] for row in answer.json()["items"]]


async def test_f16_the_list_shows_every_order_received_page_by_page(api: ServiceClient) -> None:
    for n in range(7):
        await placed(api, external_id=str(n))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = (await api.get("/v1/orders", params={"limit": 3, **after})).json()
        seen += [row["external_id"] for row in page["items"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == [str(n) for n in reversed(range(7))]


async def test_part_f68_f69_lists_narrow_by_period_and_referer_any_or_only(api: ServiceClient) -> None:
    await placed(api, external_id="a", referers=["blog"])
    await placed(api, external_id="b", referers=["blog", "ads"])
    await placed(api, external_id="c", placed_at="2020-01-01T00:00:00Z")
    assert await found(api, referer="blog") == ["b", "a"]
    assert await found(api, referer="blog", referer_match="only") == ["a"]
    assert await found(api, referer=["ads", "blog"], referer_match="only") == ["b", "a"]
    assert await found(api, placed_until="2021-01-01T00:00:00Z") == ["c"]
    assert await found(api, channel="web", external_id="b") == ["b"]


async def test_part_f5_imported_orders_are_found_by_their_hold_and_axes(api: ServiceClient) -> None:
    await placed(api, external_id="own")
    await placed(api, external_id="bought", channel="emag", delivery_method="theirs", payment_method=None)
    assert await found(api, hold="import") == ["bought"]
    assert await found(api, payment="received") == ["bought"]
    assert await found(api, lifecycle="open", stock="pending") == ["bought", "own"]
    assert (await api.get("/v1/orders", params={"after": "nonsense"})).status_code == 422


async def test_part_f18_f19_the_order_shows_money_received_when_how_much_by_which_id(
    api: ServiceClient,
) -> None:
    order = await placed(api)
    assert order["money"]["received"] is False
    at = datetime(2026, 3, 1, 10, tzinfo=UTC)
    said = Said(order)
    received = said.money("received", provider="paypal", provider_ref="3C679366HH908993F", received_at=at)
    await hear(api, received, received)
    shown = await whole(api, order["id"])
    assert shown["money"] == {
        "received": True,
        "amount": {"amount": "110.00", "currency": "RON"},
        "at": "2026-03-01T10:00:00Z",
        "provider": "paypal",
        "provider_ref": "3C679366HH908993F",
    }
    assert shown["payment"] == "received"


async def test_part_f34_f35_f36_parcels_move_the_order_and_show_number_and_link(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("received"))
    booked, delivered = said.parcels("booked"), said.parcels("delivered")
    await hear(api, booked, delivered, booked)  # late and twice
    shown = await whole(api, order["id"])
    assert [(s["awb"], s["link"], s["state"]) for s in shown["shipments"]] == [
        ("OWNmain", "https://shop.example/track/main", "delivered")
    ]
    assert (shown["fulfilment"], shown["lifecycle"]) == ("delivered", "completed")


async def test_the_timeline_holds_every_fact_of_every_service_with_actor_and_cause(api: ServiceClient) -> None:
    order = await placed(api)
    order_id, zero = UUID(order["id"]), Money.parse("12.00", "RON")
    cost = CostRecorded(
        cost=new_id(), version=1, order_id=order_id, kind=Cost.DELIVERY, amount=zero, actual=False, source="fan"
    )
    sent = NotificationSent(message=new_id(), version=1, order_id=order_id, kind="acknowledged", by="mail")
    work: dict[str, Any] = {"work": new_id(), "service": "shipping", "order_id": order_id}
    said = "the courier does not answer"
    stuck = WorkStuck(**work, version=1, kind=Stuck.UNKNOWN_CALL, what=said, since=datetime.now(UTC))
    await hear(api, cost, sent, stuck)
    assert [each["what"] for each in (await whole(api, order["id"]))["stuck"]] == [said]
    await hear(api, WorkCleared(**work, version=2), stuck)
    assert (await whole(api, order["id"]))["stuck"] == []
    await hear(api, Said(order).stock("reserved"))
    assert await topics(api, order) == [
        *("order.created", "cost.recorded", "notification.sent", "work.stuck", "work.cleared", "work.stuck"),
        *("stock.reserved", "order.reserved"),
    ]
    events = (await api.get(f"/v1/orders/{order['id']}/timeline")).json()["items"]
    assert events[0]["actor"] == "key:development-manager"
    assert events[-1]["causation_id"] == events[-2]["event_id"]
    assert events[-1]["detail"]["changed"] == {"stock": ["pending", "reserved"]}
    after = await api.get(f"/v1/orders/{order['id']}/timeline", params={"after": "6"})
    assert [event["number"] for event in after.json()["items"]] == [7, 8]
    assert (await api.get(f"/v1/orders/{new_id()}/timeline")).status_code == 404


async def test_f2_the_feed_gives_each_new_order_exactly_once(orders_url: str, bus_url: str) -> None:
    async with running(service, orders_url, bus_url) as api:
        await open_shop(api)
        reader = asyncio.create_task(_read_feed(api, 20))
        for batch in range(4):
            bodies = [
                submitted(external_id=f"{batch}-{n}", placed_at=f"2026-01-{9 - n:02}T00:00:00Z") for n in range(5)
            ]
            await asyncio.gather(*(api.post("/v1/orders", json=body) for body in bodies))
        await api.post("/v1/orders", json=submitted(external_id="old", historic=True))
        seen, cursor = await reader
        assert sorted(seen) == sorted(f"{batch}-{n}" for batch in range(4) for n in range(5))
        rest = (await api.get("/v1/sync/orders", params={"cursor": cursor})).json()
        assert (rest["items"], rest["next"]) == ([], cursor)
        first = (await api.get("/v1/sync/orders", params={"limit": 1})).json()["items"][0]
        assert first["lines"][0]["sku"] == "mug"
        assert (await api.as_role("storefront").get("/v1/sync/orders")).status_code == 403
        assert (await api.get("/v1/sync/orders", params={"cursor": "-1"})).status_code == 422


async def _read_feed(api: ServiceClient, many: int) -> tuple[list[str], str]:
    """Read until `many` have come, as an ERP does while orders are being placed."""
    seen: list[str] = []
    cursor = "0"

    async def enough() -> bool:
        nonlocal cursor
        page = (await api.as_role("erp").get("/v1/sync/orders", params={"cursor": cursor, "limit": 3})).json()
        seen.extend(order["external_id"] for order in page["items"])
        cursor = page["next"]
        return len(seen) >= many

    await until(enough, within=60)
    return seen, cursor
