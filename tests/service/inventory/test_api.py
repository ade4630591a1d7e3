"""Inventory as the outside knows it: over HTTP and its topics."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

from libs.contracts.orders import OrderCreated, OrderFact, OrderSnapshot
from libs.events.bus import Bus, Outgoing
from libs.events.transaction import UnitOfWork
from libs.service.testing import ServiceClient, running, until
from services.inventory.__main__ import service
from tests.service.inventory.stage import a_line, an_order, given_channel, then, told


async def publish(bus: Bus, order: OrderSnapshot, fact: type[OrderFact] = OrderCreated, **more: Any) -> None:
    """As orders' relay does."""
    record = told(order, fact, **more)
    await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers)])


async def said(bus: Bus, topic: str) -> list[dict[str, Any]]:
    """The facts of a topic, in order."""
    records = sorted(await bus.read(topic), key=lambda record: (record.partition, record.offset))
    return [json.loads(record.value) for record in records]


async def given_items(api: httpx.AsyncClient, *skus: str) -> None:
    reply = await api.post("/v1/items/bulk", json={"items": [{"sku": sku, "name": sku.title()} for sku in skus]})
    assert reply.status_code == 200, reply.text


async def given_levels(api: httpx.AsyncClient, *rows: tuple[str, str, str], **headers: str) -> dict[str, Any]:
    figures = [{"sku": sku, "depot": depot, "on_hand": on_hand} for sku, depot, on_hand in rows]
    reply = await api.put("/v1/stock/levels", json={"figures": figures}, headers=headers)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


async def given_shop(api: httpx.AsyncClient, *depots: str) -> None:
    for priority, code in enumerate(depots):
        assert (await api.put(f"/v1/depots/{code}", json={"name": code, "priority": priority})).status_code == 201


async def available(api: httpx.AsyncClient, *skus: str, channel: str = "web") -> list[str]:
    reply = await api.get("/v1/availability", params={"channel": channel, "sku": skus})
    assert reply.status_code == 200, reply.text
    return [item["available"] for item in reply.json()["items"]]


async def test_f10_figures_are_pushed_by_sku_and_depot_in_bulk(quiet_api: ServiceClient) -> None:
    """F11 too: each row has its own outcome. What `available` and `counted_to` mean (F13) comes with the ERP."""
    api = quiet_api
    await given_shop(api, "main", "shop")
    skus = [f"sku{n:05}" for n in range(5000)]
    await given_items(api, *skus)
    figures = [{"sku": sku, "depot": depot, "on_hand": "7.5"} for sku in reversed(skus) for depot in ("main", "shop")]
    figures[3]["sku"] = "strange"
    figures[4]["depot"] = "moon"
    figures[5]["on_hand"] = "-1"
    figures[6]["on_hand"] = "many"
    figures[9] = dict(figures[8])
    reply = await api.as_role("erp").put("/v1/stock/levels", json={"figures": figures})
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert [(row["sku"], row["depot"]) for row in body["results"]] == [(f["sku"], f["depot"]) for f in figures]
    assert body["counts"] == {"refused": 5, "set": 9995}
    assert [body["results"][n]["result"] for n in range(3, 10)] == ["refused"] * 4 + ["set"] * 2 + ["refused"]
    assert body["results"][0]["available"] == "7.5"
    again = (await api.put("/v1/stock/levels", json={"figures": figures})).json()
    assert again["counts"] == {"noop": 9995, "refused": 5}


async def test_f10_a_figure_is_on_hand_and_promises_stay(api: ServiceClient, bus: Bus) -> None:
    await given_shop(api, "main")
    await given_items(api, "mug")
    await given_levels(api, ("mug", "main", "5"))
    await publish(bus, order := an_order(a_line("mug", 2)))
    await until(lambda: said(bus, "stock.reserved"))
    await given_levels(api, ("mug", "main", "4"))
    level = (await api.get("/v1/stock/levels")).json()["items"][0]
    assert (level["on_hand"], level["reserved"], level["available"]) == ("4", "2", "2")
    await given_levels(api, ("mug", "main", "1"))
    stuck = await until(lambda: said(bus, "work.stuck"))
    assert stuck[0]["order_id"] == str(order.id)
    assert stuck[0]["kind"] == "not_covered"
    assert "1 of mug reserved in main for WEB-1" in stuck[0]["what"]
    await given_levels(api, ("mug", "main", "2"))
    assert (await until(lambda: said(bus, "work.cleared")))[0]["work"] == stuck[0]["work"]


async def test_b9_a_push_sent_again_under_its_key_changes_nothing(
    quiet_api: ServiceClient, inventory: UnitOfWork
) -> None:
    await given_shop(quiet_api, "main")
    await given_items(quiet_api, "mug")
    key = {"Idempotency-Key": "push-1"}
    first = await given_levels(quiet_api, ("mug", "main", "5"), **key)
    await given_levels(quiet_api, ("mug", "main", "3"))
    assert await given_levels(quiet_api, ("mug", "main", "5"), **key) == first
    level = (await quiet_api.get("/v1/stock/levels")).json()["items"][0]
    assert level["on_hand"] == "3"
    figures = {"figures": [{"sku": "mug", "depot": "main", "on_hand": "9"}]}
    assert (await quiet_api.put("/v1/stock/levels", json=figures, headers=key)).status_code == 422


async def test_f12_an_order_lowers_availability_at_once(api: ServiceClient, bus: Bus, inventory: UnitOfWork) -> None:
    await given_shop(api, "main")
    await given_channel(inventory, "web", "main")
    await given_items(api, "mug")
    await given_levels(api, ("mug", "main", "5"))
    assert await available(api, "mug") == ["5"]
    await publish(bus, order := an_order(a_line("mug", 2)))
    reserved = (await until(lambda: said(bus, "stock.reserved")))[0]["reservation"]
    assert await available(api, "mug") == ["3"]
    assert reserved["order_id"] == str(order.id)
    assert reserved["lines"][0]["allocations"] == {"main": "2"}
    assert (await api.get(f"/v1/reservations/{order.id}")).json() == reserved
    assert [each["available"] for each in await said(bus, "stock.changed")] == ["5", "3"]
    await until(lambda: _published(bus, "mug", "3"))


async def _published(bus: Bus, sku: str, available: str) -> bool:
    facts: Sequence[dict[str, Any]] = [fact for fact in await said(bus, "availability.published") if fact["sku"] == sku]
    return bool(facts) and max(facts, key=lambda fact: fact["version"])["available"] == available


async def test_f22_a_storefront_reads_availability_per_channel_and_may_cache_it(
    quiet_api: ServiceClient, inventory: UnitOfWork
) -> None:
    await given_shop(quiet_api, "main", "shop")
    await given_channel(inventory, "web", "main")
    await given_channel(inventory, "till", "shop", "main")
    await given_items(quiet_api, "mug", "pen")
    await given_levels(quiet_api, ("mug", "main", "5"), ("mug", "shop", "1"), ("pen", "main", "0.25"))
    anybody = quiet_api.as_role("")
    asked = {"channel": "web", "sku": ["pen", "mug", "none"]}
    reply = await anybody.get("/v1/availability", params=asked)
    assert [(i["sku"], i["available"]) for i in reply.json()["items"]] == [("pen", "0.25"), ("mug", "5"), ("none", "0")]
    assert reply.headers["cache-control"] == "public, max-age=5"
    tag = {"If-None-Match": f'"other", W/{reply.headers["etag"]}'}
    same = await anybody.get("/v1/availability", params=asked, headers=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", reply.headers["etag"])
    assert await available(anybody, "mug", channel="till") == ["6"]
    await given_levels(quiet_api, ("mug", "main", "4"))
    assert (await anybody.get("/v1/availability", params=asked, headers=tag)).status_code == 200
    strange = await anybody.get("/v1/availability", params={"channel": "moon", "sku": "mug"})
    assert (strange.status_code, strange.json()["errors"][0]["field"]) == (404, "channel")
    assert (await anybody.get("/v1/availability", params={"channel": "web"})).status_code == 422


async def test_f22_many_are_limited(inventory_url: str, bus_url: str) -> None:
    limits: dict[str, Any] = {"public_per_second": 0.01, "public_burst": 2}
    async with running(service, inventory_url, bus_url, parts=("api",), role="", **limits) as api:
        codes = [(await api.get("/v1/availability?channel=web&sku=mug")).status_code for _ in range(3)]
    assert codes == [404, 404, 429]


async def test_f38_available_is_on_hand_less_reserved_less_buffer(
    api: ServiceClient, bus: Bus, inventory: UnitOfWork
) -> None:
    await given_shop(api, "main", "shop")
    await given_channel(inventory, "web", "main", "shop")
    await given_items(api, "mug")
    figures = [
        {"sku": "mug", "depot": "main", "on_hand": "10", "buffer": "3"},
        {"sku": "mug", "depot": "shop", "on_hand": "1", "buffer": "2"},
    ]
    assert (await api.put("/v1/stock/levels", json={"figures": figures})).json()["counts"] == {"set": 2}
    assert await available(api, "mug") == ["7"]
    await publish(bus, an_order(a_line("mug", 4), number="WEB-7"))
    await until(lambda: said(bus, "stock.reserved"))
    assert await available(api, "mug") == ["3"]
    level = (await api.get("/v1/stock/levels", params={"depot": "main"})).json()["items"][0]
    assert (level["on_hand"], level["reserved"], level["buffer"], level["available"]) == ("10", "4", "3", "3")
    await publish(bus, an_order(a_line("mug", 5), minute=1, wait=True))
    await until(lambda: said(bus, "stock.waiting"))
    assert await available(api, "mug") == ["0"], "what somebody waits for is not for sale"
    explained = (await api.get("/v1/availability/mug/explain", params={"channel": "web"})).json()
    assert sum(float(entry["quantity"]) for entry in explained["entries"]) == float(explained["available"]) == 0
    entries = [(entry["why"], entry["depot"], entry["quantity"]) for entry in explained["entries"]]
    assert entries == [
        ("on_hand", "main", "10"),
        ("buffer", "main", "-3"),
        ("reservation", "main", "-4"),
        ("on_hand", "shop", "1"),
        ("buffer", "shop", "-2"),
        ("not_below_zero", "shop", "1"),
        ("waiting", None, "-3"),
    ]
    assert explained["entries"][2]["number"] == "WEB-7"


async def test_f42_stock_reservations_and_movements_are_per_depot(
    api: ServiceClient, bus: Bus, inventory: UnitOfWork
) -> None:
    """F43 too: an order is split over depots, and channels map to depots: shop and web keep their own stock."""
    await given_shop(api, "main", "shop")
    await given_channel(inventory, "web", "main")
    await given_channel(inventory, "both", "shop", "main")
    await given_items(api, "mug")
    lines = [{"sku": "mug", "quantity": "2"}, {"sku": "mug", "quantity": "1"}]
    receipt = {"depot": "main", "reference": "DN-1", "lines": lines}
    for outcome in ("received", "noop"):
        assert (await api.post("/v1/stock/receipts", json=receipt)).json()["counts"] == {outcome: 2}
    await given_levels(api, ("mug", "shop", "2"))
    await publish(bus, an_order(a_line("mug", 4)))
    await until(lambda: said(bus, "stock.rejected"))
    order = an_order(a_line("mug", 4), channel="both")
    await publish(bus, order)
    held = (await until(lambda: said(bus, "stock.reserved")))[0]["reservation"]["lines"][0]["allocations"]
    assert held == {"shop": "2", "main": "2"}
    await publish(bus, then(order, line={"shipped": 4, "shipped_from": held_in(held)}))
    await until(lambda: said(bus, "stock.deducted"))
    movements = (await api.get("/v1/stock/movements", params={"depot": "main"})).json()["items"]
    assert [(m["kind"], m["quantity"]) for m in movements] == [("deduct", "-2"), ("receipt", "3")]
    movements = (await api.get("/v1/stock/movements", params={"depot": "shop"})).json()["items"]
    assert [(m["kind"], m["quantity"]) for m in movements] == [("deduct", "-2"), ("set", "2")]
    first = (await api.get("/v1/stock/movements", params={"limit": 3})).json()
    rest = (await api.get("/v1/stock/movements", params={"limit": 3, "after": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)


def held_in(allocations: dict[str, str]) -> dict[str, float]:
    return {depot: float(quantity) for depot, quantity in allocations.items()}


async def test_part_f39_availability_is_published_on_change_and_now_and_then(
    inventory_url: str, bus_url: str, bus: Bus, inventory: UnitOfWork
) -> None:
    await given_channel(inventory, "web", "main")
    often: dict[str, Any] = {"look_every": "PT0.05S", "publish_every": "PT0.5S"}
    async with running(service, inventory_url, bus_url, **often) as api:
        await given_shop(api, "main")
        await given_items(api, "mug")
        await given_levels(api, ("mug", "main", "5"))
        facts = await until(lambda: _at_least(bus, "availability.published", 3))
    assert [fact["version"] for fact in facts[:3]] == [1, 2, 3]
    assert {fact["available"] for fact in facts} == {"5"}


async def _at_least(bus: Bus, topic: str, count: int) -> list[dict[str, Any]]:
    facts = await said(bus, topic)
    return facts if len(facts) >= count else []


async def test_part_f41_items_are_upserted_in_bulk_and_changes_are_told(api: ServiceClient, bus: Bus) -> None:
    mug = {"sku": "mug", "name": "Cană", "weight_g": 300, "unit_cost": {"amount": "1.20", "currency": "EUR"}}
    reply = await api.post("/v1/items/bulk", json={"items": [mug, {"sku": "pen", "name": "Pen"}, {"sku": "nameless"}]})
    assert [row["result"] for row in reply.json()["results"]] == ["created", "created", "refused"]
    again = await api.post("/v1/items/bulk", json={"items": [mug | {"weight_g": 310}, {"sku": "pen"}]})
    assert [(row["result"], row["changed"]) for row in again.json()["results"]] == [
        ("changed", ["weight_g"]),
        ("noop", []),
    ]
    facts = await until(lambda: _at_least(bus, "item.changed", 3))
    newest = max((fact for fact in facts if fact["sku"] == "mug"), key=lambda fact: fact["version"])
    assert (newest["name"], newest["weight_g"], newest["unit_cost"]) == ("Cană", 310, mug["unit_cost"])
    assert (await api.get("/v1/items/mug")).json()["weight_g"] == 310
    assert [item["sku"] for item in (await api.get("/v1/items")).json()["items"]] == ["mug", "pen"]
    twice = await api.post("/v1/items/bulk", json={"items": [mug, mug]})
    assert (twice.status_code, twice.json()["errors"][0]["field"]) == (422, "items[1].sku")


async def test_goods_that_come_serve_who_waits(api: ServiceClient, bus: Bus) -> None:
    await given_shop(api, "main")
    await given_items(api, "mug")
    await publish(bus, order := an_order(a_line("mug", 2), wait=True))
    waiting = (await until(lambda: said(bus, "stock.waiting")))[0]["reservation"]
    assert waiting["lines"][0]["short"] == "2"
    receipt = {"depot": "main", "reference": "DN-1", "lines": [{"sku": "mug", "quantity": "2"}]}
    assert (await api.post("/v1/stock/receipts", json=receipt)).status_code == 200
    assert (await until(lambda: said(bus, "stock.reserved")))[0]["reservation"]["order_id"] == str(order.id)


async def test_a_depot_that_changed_meanwhile_is_not_overwritten(quiet_api: ServiceClient) -> None:
    first = await quiet_api.put("/v1/depots/main", json={"name": "Main"})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    match = {"If-Match": first.headers["etag"]}
    assert (await quiet_api.put("/v1/depots/main", json={"active": False}, headers=match)).status_code == 200
    late = await quiet_api.put("/v1/depots/main", json={"name": "Other"}, headers=match)
    assert (late.status_code, late.headers["content-type"]) == (412, "application/problem+json")
    depot = (await quiet_api.get("/v1/depots/main")).json()
    assert (depot["name"], depot["active"], depot["version"]) == ("Main", False, 2)
    assert (await quiet_api.get("/v1/depots")).json()["items"] == [depot]


async def test_a_depot_keeps_back_some_of_what_is_new_in_it(quiet_api: ServiceClient) -> None:
    made = await quiet_api.put("/v1/depots/main", json={"buffer": "1.5"})
    assert (made.status_code, made.json()["buffer"]) == (201, "1.5")
    assert (await quiet_api.put("/v1/depots/main", json={"buffer": "-1"})).json()["errors"][0]["field"] == "buffer"
    await given_items(quiet_api, "mug")
    assert (await given_levels(quiet_api, ("mug", "main", "5")))["results"][0]["available"] == "3.5"


async def test_who_may_do_what(quiet_api: ServiceClient) -> None:
    figures = {"figures": [{"sku": "mug", "depot": "main", "on_hand": "1"}]}
    assert (await quiet_api.as_role("").put("/v1/stock/levels", json=figures)).status_code == 401
    assert (await quiet_api.as_role("storefront").put("/v1/stock/levels", json=figures)).status_code == 403
    assert (await quiet_api.as_role("customer").get("/v1/stock/levels")).status_code == 403
    assert (await quiet_api.as_role("erp").put("/v1/depots/main", json={})).status_code == 403
    unknown = await quiet_api.put("/v1/stock/levels", json=figures | {"more": 1})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "more")
