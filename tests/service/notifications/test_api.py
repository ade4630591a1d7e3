"""The HTTP edge of notifications."""

from typing import Any
from uuid import uuid4

import pytest

from libs.contracts.orders import OrderCreated, OrderPaid
from libs.service.migrations import assert_models_match
from libs.service.testing import credentials
from services.notifications.tables import Table
from tests.service.notifications.post_office import PostOffice
from tests.unit.notifications.letters import ANA, a_channel, an_order


async def test_models_and_migrations_agree(notifications_url: str) -> None:
    await assert_models_match(notifications_url, Table.metadata)


async def test_messages_are_listed_page_by_page_newest_first_and_read_whole(office: PostOffice) -> None:
    order = an_order()
    await office.tell(a_channel(), *(OrderPaid(order=order, person=ANA) for _ in range(5)))
    await office.settled(order.id, "succeeded", count=5)
    seen: list[str] = []
    page: dict[str, Any] = {"next": None}
    for _ in range(3):
        asked: dict[str, Any] = {"order_id": str(order.id), "limit": 2}
        asked |= {"after": page["next"]} if page["next"] else {}
        page = (await office.api.get("/v1/messages", params=asked)).json()
        seen += [each["id"] for each in page["items"]]
    assert page["next"] is None
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 5
    assert "text" not in page["items"][0]
    one = await office.api.get(f"/v1/messages/{seen[0]}")
    assert one.headers["etag"] == f'"{one.json()["version"]}"'
    assert one.json()["subject"] == "Am primit plata pentru comanda RO-2026-000123"
    assert "am primit plata" in one.json()["text"]
    assert "<html" in one.json()["html"]
    none = await office.api.get("/v1/messages", params={"order_id": str(order.id), "state": ["failed", "due"]})
    assert none.json()["items"] == []


async def test_a_message_is_sent_again_as_one_of_its_own_once_for_each_wish(office: PostOffice) -> None:
    await office.smtp.misbehave("rcpt", "refuse", times=1, code=550)
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    (first,) = await office.settled(order.id, "failed")
    place = f"/v1/messages/{first['id']}/resend"
    key = {"Idempotency-Key": str(uuid4())}
    right = {"recipient": "ana.tepes@example.org"}
    again = await office.api.post(place, json=right, headers=key)
    assert again.status_code == 201, again.text
    repeated = await office.api.post(place, json=right, headers=key)
    assert repeated.json() == again.json()
    assert again.json()["resend_of"] == first["id"]
    assert again.json()["message_id"] != first["message_id"]
    assert again.headers["location"] == f"/v1/messages/{again.json()['id']}"
    await office.settled(order.id, "failed", "succeeded", count=2)
    (mail,) = office.mails("ana.tepes@example.org")
    assert mail["message-id"] == again.json()["message_id"]
    third = await office.api.post(f"/v1/messages/{again.json()['id']}/resend", json={})
    assert third.json()["recipient"] == right["recipient"]
    await office.settled(order.id, "failed", "succeeded", count=3)
    assert len({mail["message-id"] for mail in office.mails("ana.tepes@example.org")}) == 2


async def test_what_is_on_its_way_is_not_sent_again(office: PostOffice) -> None:
    await office.smtp.misbehave("rcpt", "refuse", times=100)
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    (found,) = await office.messages(order.id)
    refused = await office.api.post(f"/v1/messages/{found['id']}/resend", json={})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/conflict")
    assert len(await office.messages(order.id)) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [({"recipient": "nobody"}, "recipient"), ({"recipient": "a@b.ro\r\nBcc: c@d.ro"}, "recipient"),
     ({"recipient": "x" * 300}, "recipient"), ({"to": "a@b.ro"}, "to")],
)  # fmt: skip
async def test_a_wrong_wish_names_the_field(office: PostOffice, body: dict[str, str], field: str) -> None:
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    (found,) = await office.settled(order.id, "succeeded")
    refused = await office.api.post(f"/v1/messages/{found['id']}/resend", json=body)
    assert refused.status_code in (400, 422), refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert field in refused.text


async def test_messages_are_for_those_who_may(office: PostOffice) -> None:
    somewhere = f"/v1/messages/{uuid4()}"
    for role, status in (("", 401), ("customer", 403), ("storefront", 403), ("operator", 404)):
        headers = credentials(role) or {"Authorization": ""}
        assert (await office.api.get(somewhere, headers=headers)).status_code == status, role
        assert (await office.api.post(f"{somewhere}/resend", json={}, headers=headers)).status_code == status, role
    dashboards = credentials("dashboards")
    assert (await office.api.get("/v1/messages", headers=dashboards)).status_code == 200
    assert (await office.api.post(f"{somewhere}/resend", json={}, headers=dashboards)).status_code == 403
