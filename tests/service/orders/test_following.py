"""What a customer sees of orders by their account and by a link, and in which language."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from libs.service.testing import ServiceClient
from tests.service.orders.followers import (
    customer_of,
    followed_shop,
    link_of,
    path_of,
    seen,
    set_channel,
    set_visible,
)
from tests.service.orders.stage import MARKETPLACE, hear, placed
from tests.unit.orders.said import Said

ELSE = {"email": "else@example.ro", "email_verified": True, "name": "Ion Albu"}


@pytest.fixture
async def api(orders_url: str, bus_url: str, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    """The API with a shop that is open, and an issuer whose tokens customers bring."""
    async with followed_shop(orders_url, bus_url, tmp_path) as client:
        yield client


async def test_f125_f127_channel_and_payment_decide_what_a_customer_sees_and_a_person_decides_otherwise(
    api: ServiceClient,
) -> None:
    order = await placed(api)
    said = Said(order)
    both, neither = {"account": True, "link": True}, {"account": False, "link": False}
    assert await seen(api, order) == both, "payment in progress"
    await hear(api, said.money("received"))
    assert await seen(api, order) == both, "payment validated"
    await hear(api, said.money("failed"))
    assert await seen(api, order) == neither, "payment failed"
    assert await set_visible(api, order, visible=True) == {"visible": True} | both
    assert await seen(api, order) == both, "forced"
    await hear(api, said.money("authorized"))
    await set_visible(api, order, visible=False)
    assert await seen(api, order) == neither, "hidden"
    await set_visible(api, order, visible=None)
    assert await seen(api, order) == both
    await set_channel(api, history_published=False)
    assert await seen(api, order) == neither, "a channel that is not marked visible"
    await set_visible(api, order, visible=True)
    assert await seen(api, order) == both


async def test_f126_without_an_account_area_tokens_see_nothing_and_links_still_open(api: ServiceClient) -> None:
    order = await placed(api)
    await set_channel(api, account=False)
    assert await seen(api, order) == {"account": False, "link": True}
    await set_visible(api, order, visible=True)
    assert await seen(api, order) == {"account": False, "link": True}, "no person opens it on one order"


async def test_visibility_is_of_a_version_and_for_the_desk_alone(api: ServiceClient) -> None:
    order = await placed(api)
    path = f"/v1/orders/{order['id']}/visibility"
    first = await api.get(path)
    assert first.json() == {"visible": None, "account": True, "link": True}
    stale = await api.put(path, json={"visible": False}, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    done = await api.put(path, json={"visible": False}, headers={"If-Match": first.headers["etag"]})
    assert done.headers["etag"] != first.headers["etag"]
    again = await api.put(path, json={"visible": False})
    assert again.headers["etag"] == done.headers["etag"], "nothing changed"
    customer = customer_of(api, order)
    for method, rest in (("GET", "visibility"), ("PUT", "visibility"), ("GET", "tracking-link")):
        answer = await customer.request(method, f"/v1/orders/{order['id']}/{rest}", json={"visible": True})
        assert answer.status_code == 403
    assert (await api.put(path, json={})).status_code == 422, "what is meant is said"


async def test_f7_f73_a_customer_sees_their_own_and_another_s_is_not_there(api: ServiceClient) -> None:
    mine = [await placed(api, external_id=str(n)) for n in range(3)]
    other = await placed(api, external_id="9", customer=ELSE)
    customer = customer_of(api, mine[0])
    first = (await customer.get("/v1/orders", params={"limit": 2})).json()
    rest = (await customer.get("/v1/orders", params={"limit": 2, "after": first["next"]})).json()
    assert [row["id"] for row in first["items"] + rest["items"]] == [order["id"] for order in reversed(mine)]
    assert rest["next"] is None
    for order_id in (other["id"], str(UUID(int=7))):
        for path in (f"/v1/orders/{order_id}", f"/v1/orders/{order_id}/history"):
            refused = await customer.get(path)
            assert (refused.status_code, refused.json()["detail"]) == (404, "there is no such order")
    theirs = await customer.get("/v1/orders", params={"customer_id": other["customer_id"]})
    assert other["id"] not in theirs.text, "whoever they ask for"
    assert set(first["items"][0]) == {
        *("id", "number", "shop", "placed_at", "lifecycle", "fulfilment", "paid", "total", "statuses"),
    }


async def test_part_f118_the_page_is_in_the_order_s_language_or_as_chosen(api: ServiceClient) -> None:
    path = await path_of(api, await placed(api))
    nobody = api.as_role("")
    page: httpx.Response = await nobody.get(path, headers={"Accept-Language": "fr"})
    assert page.headers["content-language"] == "ro", "the order's"
    for language, words in (("fr", "Commande"), ("it", "Ordine"), ("en", "Order"), ("de", "Order")):
        found = await nobody.get(path, params={"lang": language})
        assert f"<h1>{words} RO-" in found.text
    assert (await nobody.get(path, params={"lang": "<script>"})).headers["content-language"] == "ro"


async def test_part_f35_f36_parcels_are_shown_with_their_courier_s_link_and_what_is_due_on_delivery(
    api: ServiceClient,
) -> None:
    cod: dict[str, Any] = {
        "payment_method": "cod",
        "charges": [{"kind": "payment_fee", "amount": {"amount": "5.00", "currency": "RON"}}],
    }
    totals = {"goods": "90.00", "delivery": "20.00", "charges": "5.00", "discounts": "0.00", "total": "115.00"}
    cod["totals"] = {name: {"amount": amount, "currency": "RON"} for name, amount in totals.items()}
    order = await placed(api, **cod)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.parcels("dispatched"))
    page = await api.as_role("").get(await path_of(api, order))
    assert 'href="https://shop.example/track/main"' in page.text
    assert re.search(r"De plată la livrare.*115,00", page.text)
    whole = (await customer_of(api, order).get(f"/v1/orders/{order['id']}")).json()
    assert whole["due_on_delivery"] == {"amount": "115.00", "currency": "RON"}
    assert [(parcel["awb"], parcel["link"]) for parcel in whole["parcels"]] == [
        ("OWNmain", "https://shop.example/track/main")
    ]
    await hear(api, said.parcels("delivered"), said.money("received"))
    assert "De plată la livrare" not in (await api.as_role("").get(await path_of(api, order))).text


async def test_historic_orders_get_no_link_by_themselves(api: ServiceClient) -> None:
    old = await placed(api, historic=True, placed_at="2024-02-03T10:00:00Z", external_id="old")
    assert (await link_of(api, old))["state"] == "revoked"
    assert (await customer_of(api, old).get(f"/v1/orders/{old['id']}")).status_code == 200
    sold_elsewhere = await placed(api, channel=MARKETPLACE["code"], external_id="m")
    assert (await link_of(api, sold_elsewhere))["state"] == "open"
