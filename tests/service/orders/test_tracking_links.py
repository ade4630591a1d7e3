"""The link by which a customer follows an order without signing in."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from libs.service.testing import ServiceClient, running
from services.orders.__main__ import service
from services.orders.customers.links import Links
from tests.bench.statements import Statements
from tests.service.orders.followers import (
    created_token,
    followed_shop,
    keep_token,
    link_of,
    path_of,
    set_channel,
    set_visible,
)
from tests.service.orders.stage import outbox, placed


@pytest.fixture
async def api(orders_url: str, bus_url: str, tmp_path: Path) -> AsyncIterator[ServiceClient]:
    """The API with a shop that is open, and an issuer whose tokens customers bring."""
    async with followed_shop(orders_url, bus_url, tmp_path) as client:
        yield client


async def test_f129_f130_the_acknowledgement_s_link_opens_the_history_without_login(api: ServiceClient) -> None:
    order = await placed(api)
    told = await created_token(api, order)
    assert await path_of(api, order) == f"/t/{told}"
    page = await api.as_role("").get(f"/t/{told}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"Comanda {order['number']}" in page.text
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "private, no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    as_json = (await api.as_role("").get(f"/t/{told}.json")).json()
    accepted = await api.as_role("").get(f"/t/{told}", headers={"Accept": "application/json"})
    assert as_json == accepted.json()
    assert (as_json["number"], as_json["shop"]["name"]) == (order["number"], "Web shop")
    assert [line["name"] for line in as_json["lines"]] == ["Cană", "Farfurie"]


async def test_part_f129_where_no_history_is_published_no_fact_carries_a_link(api: ServiceClient) -> None:
    await set_channel(api, history_published=False)
    order = await placed(api)
    assert await created_token(api, order) is None
    assert (await link_of(api, order))["state"] == "hidden"
    await set_visible(api, order, visible=True)
    await api.post(f"/v1/orders/{order['id']}/hold", json={"reason": "look"})
    (held,) = await outbox(api.context.uow, "order.held")
    assert (await link_of(api, order))["url"].rsplit("/", 1)[1] in held, "from now on facts carry it"
    await set_visible(api, order, visible=False)
    await api.post(f"/v1/orders/{order['id']}/release-hold", json={"kind": "manual"})
    (released,) = await outbox(api.context.uow, "order.released")
    assert '"tracking":null' in released.replace(" ", ""), "a link that opens nothing is told to nobody"


async def test_part_f130_a_link_is_revoked_and_renewed(api: ServiceClient) -> None:
    order = await placed(api)
    path, nobody = f"/v1/orders/{order['id']}/tracking-link", api.as_role("")
    old = await path_of(api, order)
    renewed = await api.post(f"{path}/renew", headers={"Idempotency-Key": "k"})
    new = renewed.json()["url"].removeprefix("https://t.example")
    repeated = await api.post(f"{path}/renew", headers={"Idempotency-Key": "k"})
    assert repeated.json()["url"] == "", "an answer that is kept keeps no link"
    assert new == await path_of(api, order)
    assert new != old
    assert [(await nobody.get(each)).status_code for each in (old, new)] == [404, 200]
    revoked = await api.post(f"{path}/revoke")
    assert revoked.json() == {"state": "revoked", "url": None, "expires_at": None}
    assert (await nobody.get(new)).status_code == 404
    await api.post(f"/v1/orders/{order['id']}/hold", json={"reason": "look"})
    (held,) = await outbox(api.context.uow, "order.held")
    assert new.removeprefix("/t/") not in held
    assert (await api.as_role("dashboards").post(f"{path}/renew")).status_code == 403
    assert (await api.post(f"/v1/orders/{UUID(int=7)}/tracking-link/renew")).status_code == 404


async def test_part_f130_a_link_expires_as_its_channel_is_set_and_an_old_order_gets_one_when_asked(
    api: ServiceClient,
) -> None:
    await set_channel(api, tracking_days=3)
    order = await placed(api)
    until = datetime.fromisoformat((await link_of(api, order))["expires_at"])
    assert timedelta(days=2.9) < until - datetime.now(UTC) < timedelta(days=3.1)
    late = Links(api.context.settings).make(UUID(order["id"]), datetime.now(UTC) - timedelta(seconds=2))
    await keep_token(api, order, late)
    assert (await link_of(api, order))["state"] == "expired"
    assert (await api.as_role("").get(f"/t/{late}")).status_code == 404
    await keep_token(api, order, None)
    assert (await link_of(api, order))["state"] == "revoked"
    await api.post(f"/v1/orders/{order['id']}/tracking-link/renew")
    assert (await api.as_role("").get(await path_of(api, order))).status_code == 200


async def test_every_link_that_opens_nothing_gets_one_and_the_same_page(api: ServiceClient) -> None:
    order, hidden = await placed(api), await placed(api, external_id="2")
    good = await path_of(api, order)
    await set_visible(api, hidden, visible=False)
    signed = Links(api.context.settings).make(UUID(order["id"]), datetime.now(UTC) + timedelta(days=1))
    nowhere = Links(api.context.settings).make(UUID(int=7), datetime.now(UTC) + timedelta(days=1))
    turned = good[:-10] + ("A" if good[-10] != "A" else "B") + good[-9:]
    wrong = [f"/t/{signed}", f"/t/{nowhere}", turned, await path_of(api, hidden), "/t/x", f"/t/{'A' * 70}", "/t/%C8%99"]
    nobody = api.as_role("")
    answers = [await nobody.get(path, headers={"Accept-Language": "it-IT,it;q=0.9"}) for path in wrong]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert 'lang="it"' in answers[0].text
    assert "chiedi al negozio" in answers[0].text
    problem = await nobody.get(f"/t/{signed}.json")
    assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
    assert problem.headers["cache-control"] == "private, no-store"


async def test_garbage_is_refused_without_asking_the_database(
    statements: Statements, api: ServiceClient, orders_url: str
) -> None:
    order = await placed(api)
    good = await path_of(api, order)
    await statements.of(orders_url)
    for path in ("/t/x", f"/t/{'A' * 70}", f"{good[:-12]}AAAA{good[-8:]}"):
        assert (await api.as_role("").get(path)).status_code == 404
    assert await statements.of(orders_url) == []
    assert (await api.as_role("").get(good)).status_code == 200
    assert await statements.of(orders_url) != []


async def test_links_are_opened_at_a_limited_rate(orders_url: str, bus_url: str) -> None:
    async with running(service, orders_url, bus_url, parts=("api",), public_burst=3, public_per_second=0.01) as api:
        nobody = api.as_role("")
        assert [(await nobody.get("/t/x")).status_code for _ in range(5)] == [404, 404, 404, 429, 429]


async def test_part_f81_who_may_follow_an_order_is_told_by_its_timeline_without_the_link(api: ServiceClient) -> None:
    order = await placed(api)
    old = await path_of(api, order)
    await set_visible(api, order, visible=False)
    for command in ("renew", "revoke", "revoke"):
        assert (await api.post(f"/v1/orders/{order['id']}/tracking-link/{command}")).status_code == 200
    events = await api.get(f"/v1/orders/{order['id']}/events", params={"limit": 200})
    told = [
        (event["topic"], event["before"], event["after"])
        for event in events.json()["items"]
        if event["topic"].startswith(("visibility", "tracking"))
    ]
    assert told == [
        ("visibility.set", {"visible": None}, {"visible": False}),
        ("tracking_link.renewed", {"link": True}, {"link": True}),
        ("tracking_link.revoked", {"link": True}, {"link": False}),
    ], "what changed nothing is not told"
    assert old.removeprefix("/t/") not in events.text


async def test_who_is_forgotten_has_no_link_any_more_and_gets_none(api: ServiceClient) -> None:
    old = await placed(api, historic=True, external_id="old")
    await api.post(f"/v1/orders/{old['id']}/tracking-link/renew")
    path = await path_of(api, old)
    assert (await api.as_role("").get(path)).status_code == 200
    erased = await api.post(f"/v1/customers/{old['customer_id']}/erase", json={"reason": "customer_asked"})
    assert erased.status_code == 200, erased.text
    assert (await api.as_role("").get(path)).status_code == 404
    assert (await link_of(api, old))["state"] == "revoked"
    renewed = await api.post(f"/v1/orders/{old['id']}/tracking-link/renew")
    assert (renewed.status_code, renewed.json()["type"]) == (409, "/problems/customer-erased")
