"""Erasing a customer where their orders are; how they want to be told; what is held of them as one document."""

import json
from uuid import UUID, uuid4

from libs.contracts.customers import CustomerChanged, CustomerErased
from libs.events.transaction import Cause
from libs.service.testing import ServiceClient
from services.orders.customers import store
from services.orders.customers.domain import Identity
from services.orders.lifecycle import store as lifecycle
from tests.service.orders.stage import outbox, placed
from tests.unit.orders.said import ANA


async def test_a_customer_with_an_order_under_way_is_not_erased_and_the_refusal_names_it(api: ServiceClient) -> None:
    order = await placed(api)
    answer = await api.post(f"/v1/customers/{order['customer_id']}/erase", json={"reason": "customer_asked"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/orders-running"
    assert order["number"] in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"] == order["number"]
    shown = (await api.get(f"/v1/customers/{order['customer_id']}")).json()
    assert (shown["name"], shown["erased_at"]) == (ANA["name"], None)
    assert (await api.post(f"/v1/customers/{uuid4()}/erase", json={"reason": "other"})).status_code == 404
    named = await api.post(f"/v1/customers/{order['customer_id']}/erase", json={"reason": "Ana Pop asked"})
    assert named.status_code == 422  # no words of one's own where a name was erased
    operator = api.as_role("operator")
    assert (
        await operator.post(f"/v1/customers/{order['customer_id']}/erase", json={"reason": "other"})
    ).status_code == 403


async def test_erasing_twice_is_as_once_every_order_says_it_and_its_chain_verifies(api: ServiceClient) -> None:
    first, second = await placed(api), await placed(api, external_id="1002")
    held = await api.post(f"/v1/orders/{first['id']}/hold", json={"kind": "manual", "reason": "Ana Pop rang"})
    assert held.status_code == 200, held.text
    for order in (first, second):
        assert (await api.post(f"/v1/orders/{order['id']}/cancel", json={"reason": "shop"})).status_code == 200
    customer = first["customer_id"]
    assert second["customer_id"] == customer
    answers = [await api.post(f"/v1/customers/{customer}/erase", json={"reason": "customer_asked"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["erased_at"] == answers[1].json()["erased_at"]
    told = [CustomerErased.model_validate_json(fact) for fact in await outbox(api.context.uow, CustomerErased.topic)]
    assert {*told[0].orders} == {UUID(first["id"]), UUID(second["id"])}
    for order in (first, second):
        whole = (await api.get(f"/v1/orders/{order['id']}")).json()
        assert (whole["customer"], whole["shipping"], whole["totals"]) == (None, None, order["totals"])
        events = (await api.get(f"/v1/orders/{order['id']}/timeline", params={"limit": 200})).json()["items"]
        assert [event["number"] for event in events] == list(range(1, len(events) + 1))
        assert events[-1]["topic"] == "customer.erased"
        assert events[-1]["actor"].startswith("key:")
        assert "Ana Pop" not in json.dumps(events)
        verified = await api.get(f"/v1/orders/{order['id']}/audit")
        assert verified.json()["verified"] is True, verified.text  # over the digests of what is gone


async def test_an_erased_customer_is_found_by_nothing_they_were_known_by(api: ServiceClient) -> None:
    order = await placed(api)
    await api.post(f"/v1/orders/{order['id']}/cancel", json={"reason": "shop"})
    await api.post(f"/v1/customers/{order['customer_id']}/erase", json={"reason": "retention_over"})
    async with api.context.uow(Cause("system:test")) as tx:
        known = Identity("web", "c-7", "ana@example.ro", email_verified=True, phone="+40712345678")
        assert await store.candidates(tx, known) == []
        kept = await lifecycle.read(tx, UUID(order["id"]))
    assert kept is not None
    assert kept.person is None
    again = await placed(api, external_id="1003")
    assert again["customer_id"] != order["customer_id"]
    found = await api.get("/v1/customers", params={"email": "ana@example.ro"})
    assert [each["id"] for each in found.json()["items"]] == [again["customer_id"]]


async def test_how_a_customer_wants_to_be_told_is_kept_and_said(api: ServiceClient) -> None:
    path = f"/v1/customers/{(await placed(api))['customer_id']}"
    read = await api.get(path)
    stale = {"If-Match": '"99"'}
    assert (await api.patch(path, json={"by_sms": False}, headers=stale)).status_code == 412
    match = {"If-Match": read.headers["ETag"]}
    answer = await api.patch(path, json={"language": "fr", "by_sms": False}, headers=match)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["language"], answer.json()["by_mail"], answer.json()["by_sms"]) == ("fr", True, False)
    unchanged = await api.patch(path, json={"by_sms": False})
    assert unchanged.headers["ETag"] == answer.headers["ETag"]
    told = [CustomerChanged.model_validate_json(fact) for fact in await outbox(api.context.uow, CustomerChanged.topic)]
    assert [(fact.language, fact.by_mail, fact.by_sms, fact.version) for fact in told] == [
        ("fr", True, False, answer.json()["version"])
    ]
    assert (await api.patch(path, json={"language": "not a tag"})).status_code == 422
    assert (await api.as_role("dashboards").patch(path, json={})).status_code == 403
