"""What an order earned, to the cent, and what happens where completing it would lose money."""

import json
from itertools import permutations
from typing import Any
from uuid import UUID

import httpx

from libs.contracts.common import Cost, CostRecorded, Money
from libs.contracts.inventory import ItemChanged
from libs.events.transaction import new_id
from libs.service.testing import ServiceClient
from tests.service.orders.stage import hear, outbox, placed, topics, whole
from tests.unit.orders.said import Said, delivery_method, lei

SOLD: dict[str, Any] = {
    "payment_method": "cod",
    "lines": [
        {"sku": "cup", "name": "Cană", "quantity": "3", "unit_price": lei("49.99"), "vat_rate": "21"},
        {"sku": "coffee", "name": "Cafea", "quantity": "2", "unit_price": lei("89.50"), "vat_rate": "11"},
        {"sku": "filters", "name": "Filtre", "quantity": "1", "unit_price": lei("19.99"), "vat_rate": "21"},
    ],
    "charges": [{"kind": "payment_fee", "amount": lei("5.00")}],
    "discounts": [{"kind": "voucher", "amount": lei("34.70")}],
    "delivery_method": "priced",
    "totals": {
        "goods": lei("348.96"),
        "delivery": lei("19.99"),
        "charges": lei("5.00"),
        "discounts": lei("34.70"),
        "total": lei("339.25"),
    },
}
"""Sold for 339.25 at two rates of VAT, with a coupon, delivery and a fee for paying on delivery."""
COSTS = {"cup": "25.00", "coffee": "30.00", "filters": "9.50"}


def with_costs(sold: dict[str, Any], costs: dict[str, str]) -> dict[str, Any]:
    lines = [line | {"unit_cost": lei(costs[line["sku"]])} for line in sold["lines"]]
    return sold | {"lines": lines}


def stated(order: dict[str, Any], kind: str, amount: str, **members: Any) -> CostRecorded:
    """A service's word about a cost."""
    given: dict[str, Any] = {"cost": new_id(), "version": 1, "actual": False, "source": "a parcel"} | members
    return CostRecorded(order_id=UUID(order["id"]), kind=kind, amount=Money.parse(amount, "RON"), **given)


async def profit(api: ServiceClient, order: dict[str, Any]) -> dict[str, Any]:
    answer = await api.get(f"/v1/orders/{order['id']}/profit")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def figures(found: dict[str, Any]) -> dict[str, str | None]:
    """The report's figures as a person reads them."""
    names = ("revenue_net", "cogs", "fulfilment", "payment_cost", "contribution", "income_tax", "net_profit")
    return {name: found[name] and found[name]["amount"] for name in names}


async def put(api: ServiceClient, order: dict[str, Any], *costs: tuple[str, str, bool], source: str = "erp") -> None:
    told = [{"kind": kind, "amount": lei(amount), "actual": actual, "source": source} for kind, amount, actual in costs]
    answer = await api.as_role("erp").put(f"/v1/orders/{order['id']}/costs", json={"costs": told})
    assert answer.status_code == 200, answer.text


async def count(api: ServiceClient, **changes: Any) -> httpx.Response:
    """Let the seller count so: packaging at 2.20 an order."""
    estimates = [{"kind": "packaging", "fixed": lei("2.20")}]
    return await api.put("/v1/sellers/ro/profit-settings", json={"estimates": estimates} | changes)


async def sold(api: ServiceClient, given: dict[str, Any], **changes: Any) -> dict[str, Any]:
    await hear(api, delivery_method("priced", price=Money.parse("19.99", "RON")))
    return await placed(api, **given | changes)


async def test_f70_f71_b6_an_order_has_its_profit_to_the_cent_and_a_missing_cost_makes_it_unknown(
    api: ServiceClient,
) -> None:
    assert (await count(api, income_tax="pct_of_revenue_net", tax_basis_points=100)).status_code == 200
    order = await sold(api, SOLD)
    found = await profit(api, order)
    assert found["state"] == "unknown"
    assert {each["kind"] for each in found["missing"]} == {"goods", "delivery", "collection_fee"}
    assert figures(found) == {
        "revenue_net": "293.33",
        **dict.fromkeys(("cogs", "fulfilment", "payment_cost", "contribution", "net_profit")),
        "income_tax": "2.93",
    }
    net = {each["vat_rate"]: (each["gross"]["amount"], each["net"]["amount"]) for each in found["revenue"]}
    assert net == {"11": ("174.01", "156.77"), "21": ("165.24", "136.56")}
    for sku, amount in COSTS.items():  # inventory says what they cost; what it says later is of later orders
        cost, item = Money.parse(amount, "RON"), new_id()
        await hear(api, ItemChanged(id=item, version=1, sku=sku, name=sku, unit_cost=cost))
        await hear(api, ItemChanged(id=item, version=2, sku=sku, name=sku, unit_cost=cost + cost))
    parcel = new_id()
    courier = stated(order, Cost.DELIVERY, "16.80", cost=parcel, version=2)
    await hear(api, courier, courier, stated(order, Cost.DELIVERY, "99.00", cost=parcel, version=1))
    assert [each["kind"] for each in (await profit(api, order))["missing"]] == ["collection_fee"]
    await put(api, order, ("collection_fee", "3.40", True))
    found = await profit(api, order)
    assert (found["state"], found["margin"]) == ("estimated", "43.10")
    assert figures(found) == {
        "revenue_net": "293.33",
        "cogs": "144.50",
        "fulfilment": "19.00",
        "payment_cost": "3.40",
        "contribution": "126.43",
        "income_tax": "2.93",
        "net_profit": "123.50",
    }
    total = sum(Money.parse(item["amount"]["amount"], "RON").minor for item in found["items"])
    assert total == 29333 - 12643, "itemised to the cent"
    assert (await count(api, income_tax="pct_of_positive_contribution", tax_basis_points=1600)).status_code == 200
    assert figures(await profit(api, order))["net_profit"] == "106.20"
    said = Said(order)
    parcels = (said.parcels("dispatched"), said.parcels("delivered"))
    await hear(api, said.stock("reserved"), *parcels, said.money("received"))
    assert (await whole(api, order["id"]))["lifecycle"] == "completed"
    await hear(api, stated(order, Cost.DELIVERY, "18.80", actual=True))  # the courier's invoice, weeks later
    assert figures(await profit(api, order))["contribution"] == "124.43"
    await put(api, order, ("goods", "140.00", True), ("packaging", "2.00", True))
    found = await profit(api, order)
    assert (found["state"], figures(found)["contribution"]) == ("actual", "129.13")
    assert (await count(api, vat_deductible=False)).status_code == 200
    assert figures(await profit(api, order))["revenue_net"] == "339.25"


async def test_part_f71_what_came_back_or_was_cut_is_no_revenue_and_both_ways_are_paid(api: ServiceClient) -> None:
    await count(api)
    refused = await sold(api, with_costs(SOLD, COSTS))
    said = Said(refused)
    await put(api, refused, ("delivery", "16.80", True), ("collection_fee", "1.50", True))
    await hear(api, said.stock("reserved"), said.parcels("dispatched"), said.parcels("returned"))
    assert [each["kind"] for each in (await profit(api, refused))["missing"]] == ["return_delivery"]
    await put(api, refused, ("return_delivery", "12.00", True))
    assert figures(await profit(api, refused)) == {
        "revenue_net": "0.00",
        "cogs": "0.00",
        "fulfilment": "31.00",
        "payment_cost": "1.50",
        "contribution": "-32.50",
        "income_tax": "0.00",
        "net_profit": "-32.50",
    }
    cut = await placed(api, external_id="cut")
    said = Said(cut)
    await hear(api, said.stock("reserved"), said.money("received"))
    await api.post(f"/v1/orders/{cut['id']}/cancel", json={})
    request = json.loads((await outbox(api.context.uow, "order.cancel_requested"))[0])["order"]["cancel_request"]
    kept, stopped = said.shipment("booked", "main", ("plate",)), said.shipment("cancelled", "second", ("mug",))
    await hear(api, said.parcels(kept, stopped, answers=request["id"]))
    found = await profit(api, cut)
    assert [each["gross"]["amount"] for each in found["revenue"]] == ["60.00"]
    assert {each["detail"] for each in found["missing"]} >= {"the cost of plate is not known"}
    assert not [each for each in found["missing"] if "mug" in each["detail"]], "what was cut costs nothing"
    await hear(api, said.money("refunded", received=Money.parse("60.00", "RON"), refunded=Money.parse("10.00", "RON")))
    assert (await profit(api, cut))["revenue"][0]["gross"]["amount"] == "50.00"


async def test_part_f71_facts_about_costs_may_come_in_any_order_and_twice(api: ServiceClient) -> None:
    order = await placed(api)
    for n, places in enumerate(permutations(range(3))):
        estimate, invoice = new_id(), new_id()
        facts = (
            stated(order, Cost.OTHER, "5.00", cost=estimate, version=1, source=f"{n}"),
            stated(order, Cost.OTHER, "7.00", cost=estimate, version=2, source=f"{n}"),
            stated(order, Cost.OTHER, "6.10", cost=invoice, version=1, source=f"{n}", actual=True),
        )
        await hear(api, *(facts[place] for place in places), facts[places[0]])
    assert (await profit(api, order))["other"]["amount"] == "36.60"  # six invoices, and no estimate
    nowhere = {"id": str(new_id())}
    await hear(api, stated(nowhere, Cost.OTHER, "1.00"))  # of an order that is not here: nothing to do


async def lossy(api: ServiceClient, external_id: str, *, held: bool = False) -> Said:
    """An order whose goods cost more than they bring, at the customer's; completed, unless something stops it."""
    lines = [
        {"sku": "mug", "name": "Cană", "quantity": "2", "unit_price": lei("25.00"), "vat_rate": "21"},
        {"sku": "plate", "name": "Farfurie", "quantity": "1", "unit_price": lei("40.00"), "vat_rate": "21"},
    ]
    costs = {"mug": "60.00", "plate": "10.00"}
    order = await placed(api, external_id=external_id, **with_costs({"lines": lines}, costs))
    await put(api, order, ("delivery", "15.00", False), ("payment_fee", "3.00", False))
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("received"), said.parcels("dispatched"))
    if held:
        await api.post(f"/v1/orders/{order['id']}/hold", json={"reason": "ask"})
    await hear(api, said.parcels("delivered"))
    return said


async def state(api: ServiceClient, said: Said) -> tuple[str, list[str]]:
    found = await whole(api, said.order["id"])
    return found["lifecycle"], found["holds"]


async def released(api: ServiceClient, said: Said) -> dict[str, Any]:
    """The newest release in an order's timeline."""
    events = (await api.get(f"/v1/orders/{said.order['id']}/timeline")).json()["items"]
    found: dict[str, Any] = [event for event in events if event["topic"] == "order.released"][-1]
    return found


async def test_f79_f80_at_a_loss_it_is_held_and_a_manager_may_override_it_with_a_reason(api: ServiceClient) -> None:
    said = await lossy(api, "loss")
    path = f"/v1/orders/{said.order['id']}"
    assert figures(await profit(api, said.order))["contribution"] == "-57.09"
    assert await state(api, said) == ("confirmed", ["loss"])
    (alert,) = await outbox(api.context.uow, "order.held")
    assert json.loads(alert)["kind"] == "loss"
    await hear(api, said.parcels("delivered"))
    assert len(await outbox(api.context.uow, "order.held")) == 1, "one alert"
    reason = {"reason": "a customer of many years"}
    assert (await api.as_role("operator").post(f"{path}/override-loss", json=reason)).status_code == 403
    assert (await api.as_role("erp").post(f"{path}/override-loss", json=reason)).status_code == 403
    for without in ({}, {"reason": ""}):
        assert (await api.post(f"{path}/override-loss", json=without)).status_code == 422
    done = await api.post(f"{path}/override-loss", json=reason)
    assert (done.status_code, done.json()["lifecycle"], done.json()["holds"]) == (200, "completed", [])
    assert (await topics(api, said.order))[-2:] == ["order.released", "order.completed"]
    entry = await released(api, said)
    assert (entry["actor"], entry["detail"]["reason"]) == ("key:development-manager", reason["reason"])
    again = await api.post(f"{path}/override-loss", json=reason)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/not-held")


async def test_part_f79_a_persons_command_is_answered_409_after_the_hold_is_committed(api: ServiceClient) -> None:
    said = await lossy(api, "command", held=True)
    assert await state(api, said) == ("confirmed", ["manual"])
    path, key = f"/v1/orders/{said.order['id']}/release-hold", {"Idempotency-Key": "once"}
    answers = [await api.post(path, json={"kind": "manual"}, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert answers[0].json()["type"] == "/problems/at-a-loss"
    assert answers[0].content == answers[1].content, "the stored answer is that 409"
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert await state(api, said) == ("confirmed", ["loss"])
    assert [json.loads(text)["kind"] for text in await outbox(api.context.uow, "order.held")] == ["manual", "loss"]
    bypass = await api.as_role("operator").post(path, json={"kind": "loss"})
    assert (bypass.status_code, bypass.json()["errors"][0]["field"]) == (409, "kind")
    assert await state(api, said) == ("confirmed", ["loss"])


async def test_part_f80_costs_put_right_let_it_go_on_and_what_is_unknown_is_no_loss(api: ServiceClient) -> None:
    said = await lossy(api, "fixed", held=True)
    path = f"/v1/orders/{said.order['id']}"
    await api.post(f"{path}/release-hold", json={"kind": "manual"})
    assert await state(api, said) == ("confirmed", ["loss"])
    await hear(api, stated(said.order, Cost.DELIVERY, "14.00", source="erp", actual=True))
    assert await state(api, said) == ("confirmed", ["loss"]), "less, and still a loss"
    assert len(await outbox(api.context.uow, "order.held")) == 2, "the manual hold and the loss, alerted once"
    await put(api, said.order, ("goods", "20.00", True))
    assert await state(api, said) == ("completed", [])
    entry = await released(api, said)
    assert (entry["actor"], entry["detail"]["reason"]) == ("key:development-erp", "it is no loss any more")
    assert (await whole(api, said.order["id"]))["held"][-1]["lifted_by"] == "system:orders"
    events = (await api.get(f"{path}/timeline")).json()["items"]
    noted = [event for event in events if event["topic"] == "costs.set"][-1]
    assert noted["actor"] == "key:development-erp"
    assert "20.00" in json.dumps(noted)
    assert (await api.as_role("operator").put(f"{path}/costs", json={"costs": []})).status_code == 403
    twice = {"costs": [{"kind": "other", "amount": lei("1.00")}] * 2}
    assert (await api.put(f"{path}/costs", json=twice)).status_code == 422
    unknown = await placed(api, external_id="unknown")
    said = Said(unknown)
    await hear(
        api, said.stock("reserved"), said.money("received"), said.parcels("dispatched"), said.parcels("delivered")
    )
    assert (await profit(api, unknown))["state"] == "unknown"
    assert (await whole(api, unknown["id"]))["lifecycle"] == "completed"
    by_service = await lossy(api, "by-service")
    await hear(api, stated(by_service.order, Cost.OTHER, "-60.00"))
    assert await state(api, by_service) == ("completed", []), "a fact puts it right as well as a person"


async def test_part_b6_how_a_seller_counts_is_set_and_read_with_its_version(api: ServiceClient) -> None:
    path = "/v1/sellers/ro/profit-settings"
    first = await api.get(path)
    assert (first.json()["expected"], first.headers["etag"]) == (
        ["collection_fee", "delivery", "payment_fee", "return_delivery"],
        '"0"',
    )
    fee = {"kind": "payment_fee", "fixed": lei("1.50"), "basis_points": 290, "payment_method": "paypal"}
    body = {"estimates": [fee, fee | {"payment_method": "cod"}], "expected": ["payment_fee"]}
    set_to = await api.put(path, json=body, headers={"If-Match": '"0"'})
    assert (set_to.status_code, set_to.headers["etag"]) == (200, '"1"')
    assert (await api.put(path, json=body, headers={"If-Match": '"0"'})).status_code == 412
    assert (await api.get(path)).json()["estimates"][0] == fee | {"delivery_method": None}
    order = await placed(api)
    found = await profit(api, order)
    assert found["payment_cost"]["amount"] == "4.69"  # 1.50 and 2.9 % of 110.00
    assert (await api.put(path, json={"expected": ["goods"]})).json()["errors"][0]["field"] == "expected[0]"
    assert (await api.get("/v1/sellers/nobody/profit-settings")).status_code == 404
    assert (await api.as_role("operator").get(f"/v1/orders/{order['id']}/profit")).status_code == 403
    assert (await api.get(f"/v1/orders/{new_id()}/profit")).status_code == 404
