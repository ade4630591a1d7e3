"""Sellers, channels and API keys."""

import asyncio
import json

from libs.events.transaction import Cause
from libs.service.testing import ServiceClient
from tests.service.orders.stage import MARKETPLACE, SELLER, WEB, number_of, outbox, placed

CAUSE = Cause(actor="user:ana")


async def test_a_channel_is_told_whole_whenever_it_changes(api: ServiceClient) -> None:
    change = {name: value for name, value in WEB.items() if name != "code"} | {"depots": ["second", "main"]}
    changed = await api.put("/v1/channels/web", json=change)
    same = await api.put("/v1/channels/web", json=change)
    assert (changed.json()["version"], same.json()["version"]) == (2, 2)
    told = [json.loads(payload) for payload in await outbox(api.context.uow, "channel.changed")]
    newest = max((fact for fact in told if fact["code"] == "web"), key=lambda fact: fact["version"])
    assert (newest["version"], newest["depots"], newest["seller_name"]) == (2, ["second", "main"], "Magazin SRL")
    renamed = await api.put("/v1/sellers/ro", json={"name": "Magazin SA"})
    assert renamed.status_code == 200
    told = [json.loads(payload) for payload in await outbox(api.context.uow, "channel.changed")]
    assert {fact["code"] for fact in told if fact["seller_name"] == "Magazin SA"} == {"web", "emag"}


WRONG: list[tuple[dict[str, str], str]] = [
    ({"currency": "XXX"}, "currency"),
    ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ({"kind": "stall"}, "kind"),
    ({"seller": "nobody"}, "seller"),
    ({"merchant_email": "x"}, "merchant_email"),
    ({"colour": "red"}, "colour"),
]


async def test_a_wrong_channel_is_refused_by_its_field(api: ServiceClient) -> None:
    for wrong, field in WRONG:
        answer = await api.post("/v1/channels", json={**WEB, "code": "new", **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_codes_and_series_are_unique_and_lists_are_pages(api: ServiceClient) -> None:
    assert (await api.post("/v1/channels", json=WEB)).status_code == 409
    assert (await api.post("/v1/sellers", json={**SELLER, "code": "it"})).status_code == 409
    first = (await api.get("/v1/channels", params={"limit": 1})).json()
    second = (await api.get("/v1/channels", params={"limit": 1, "after": first["next"]})).json()
    assert [page["items"][0]["code"] for page in (first, second)] == [MARKETPLACE["code"], WEB["code"]]
    assert second["next"] is None
    assert [row["code"] for row in (await api.get("/v1/sellers")).json()["items"]] == ["ro"]


async def test_numbers_come_from_a_sequence_of_each_series(api: ServiceClient) -> None:
    assert (await api.post("/v1/sellers", json={**SELLER, "code": "it", "series": "IT"})).status_code == 201
    assert (await api.post("/v1/channels", json={**WEB, "code": "it-web", "seller": "it"})).status_code == 201
    orders = [await placed(api, channel=code, external_id=None) for code in ("web", "it-web", "web")]
    expected = (number_of(orders[0], 1), number_of(orders[1], 1, "IT"), number_of(orders[2], 2))
    assert tuple(order["number"] for order in orders) == expected


async def test_a_key_opens_until_it_is_revoked_and_its_secret_is_told_to_nobody(api: ServiceClient) -> None:
    made = (await api.post("/v1/api-keys", json={"name": "ERP", "role": "erp"})).json()
    opens = {"X-API-Key": made["key"], "Authorization": ""}
    assert (await api.get("/v1/sync/orders", headers=opens)).status_code == 200
    assert (await api.post("/v1/api-keys", json={"name": "x", "role": "erp"}, headers=opens)).status_code == 403
    secret = made["key"].rsplit("_", 1)[1]
    told = await outbox(api.context.uow, "key.changed")
    listed = (await api.get("/v1/api-keys")).text
    assert all(secret not in text for text in (*told, listed))
    assert (await api.post(f"/v1/api-keys/{made['id']}/revoke")).json()["revoked"] is True
    api.context.auth._known.clear()  # as it is seconds later
    assert (await api.get("/v1/sync/orders", headers=opens)).status_code == 401
    assert '"revoked":true' in (await outbox(api.context.uow, "key.changed"))[-1]


async def test_b9_a_channel_made_twice_with_one_key_is_made_once(api: ServiceClient) -> None:
    key, body = {"Idempotency-Key": "c"}, {**WEB, "code": "twice"}
    answers = await asyncio.gather(*(api.post("/v1/channels", json=body, headers=key) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_a_repeated_call_does_not_tell_a_key_again_and_the_database_does_not_hold_it(api: ServiceClient) -> None:
    body, once = {"name": "till", "role": "operator"}, {"Idempotency-Key": "make-a-key"}
    first = (await api.post("/v1/api-keys", json=body, headers=once)).json()
    second = (await api.post("/v1/api-keys", json=body, headers=once)).json()
    assert first["key"]
    assert second == first | {"key": ""}
    async with api.context.uow(CAUSE) as tx:
        kept = await tx.sql.fetchval("SELECT convert_from(body, 'UTF8') FROM idempotency_key WHERE key = 'make-a-key'")
    assert first["key"] not in kept
