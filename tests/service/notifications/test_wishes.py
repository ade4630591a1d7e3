"""The shop's own words and switches, previews, measures, and addresses that bounced."""

from typing import Any

from libs.contracts.orders import OrderCreated, OrderPaid, OrderShipped
from libs.events.transaction import new_id
from services.notifications.domain import KINDS, LANGUAGES
from tests.service.notifications.post_office import PostOffice, text_of
from tests.unit.notifications.letters import ANA, a_channel, an_awb, an_order

ANAS = "ana@example.org"
OWN = {"subject": "Mulțumim, {customer_name}", "text": "Comanda {order_number}:\n\n{{ok}} {total}"}


async def refused(office: PostOffice, method: str, place: str, body: Any) -> dict[str, Any]:
    reply = await office.api.request(method, place, json=body)
    assert reply.status_code == 422, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def test_the_shops_own_words_are_said_from_then_on_and_ours_again_after(office: PostOffice) -> None:
    place = "/v1/message-templates/acknowledged/ro"
    shown = await office.api.get(place)
    assert shown.headers["etag"] == '"0"'
    assert shown.json()["default"]["subject"] == "Am primit comanda dumneavoastră {order_number}"
    assert shown.json()["own"] is None
    for field, text in (("subject", "{order_numer}"), ("text", "a { b"), ("sms", "{x}")):
        problem = await refused(office, "PUT", place, OWN | {field: text})
        assert problem["errors"][0]["field"] == field
    assert (await refused(office, "PUT", "/v1/message-templates/held/ro", OWN | {"sms": "x"}))["errors"]
    kept = await office.api.put(place, json=OWN, headers={"If-Match": '"0"'})
    assert (kept.status_code, kept.json()["own"]["subject"]) == (200, OWN["subject"])
    assert (await office.api.put(place, json=OWN, headers={"If-Match": '"7"'})).status_code == 412
    order = an_order()
    tricky = ANA.model_copy(update={"name": "Ana {total} <i>"})
    await office.tell(a_channel(), OrderCreated(order=order, person=tricky))
    [found] = await office.settled(order.id, "succeeded")
    assert found["subject"] == "Mulțumim, Ana {total} <i>"
    [mail] = office.letters(ANAS)
    assert "Comanda RO-2026-000123:\n\n{ok} 100,00\u00a0RON" in text_of(mail).replace("\r\n", "\n")
    assert "Cană ceramică" in text_of(mail)  # the layout shows what it always does
    assert "<i>" not in text_of(mail, "html")
    assert (await office.api.delete(place)).json()["version"] == 0
    assert (await office.api.delete(place)).status_code == 404
    other = an_order()
    await office.tell(OrderCreated(order=other, person=ANA))
    [found] = await office.settled(other.id, "succeeded")
    assert found["subject"].startswith("Am primit comanda")


async def test_every_kind_shows_our_words_in_every_language_with_variables_that_exist(office: PostOffice) -> None:
    listed = (await office.api.get("/v1/message-templates")).json()["items"]
    assert {(each["kind"], each["language"]) for each in listed} == {(k, lang) for k in KINDS for lang in LANGUAGES}
    for each in listed:
        said = await office.api.post(
            "/v1/messages/preview",
            json={"kind": each["kind"], "language": each["language"],
                  "draft": {"subject": each["default"]["subject"], "text": each["default"]["text"]}},
        )  # fmt: skip
        assert said.status_code == 200, (each, said.text)
        assert "RO-2026-000123" in said.json()["subject"], each
        assert "{" not in said.json()["text"], each


async def test_a_kind_that_is_switched_off_is_not_written(office: PostOffice) -> None:
    shown = (await office.api.get("/v1/message-settings")).json()
    assert (shown["gateway"], shown["alert_holds"], shown["version"]) == ("off", ["loss"], 1)
    off = {"switches": {"paid": {"mail": False}}}
    assert (await office.api.put("/v1/message-settings", json=off, headers={"If-Match": '"9"'})).status_code == 412
    assert (await office.api.put("/v1/message-settings", json={"switches": {"pay": {}}})).status_code == 422
    assert (await office.api.put("/v1/message-settings", json=off)).json()["version"] == 2
    order = an_order()
    shipment = new_id()
    moved = OrderShipped(order=order, person=ANA, shipment_id=shipment, depot="main")
    await office.tell(a_channel(), OrderPaid(order=order, person=ANA), moved)
    [found] = await office.settled(order.id, "succeeded")
    assert found["kind"] == "shipped"
    operator = office.api.as_role("operator")
    assert (await operator.put("/v1/message-settings", json=off)).status_code == 403
    assert (await operator.put("/v1/message-templates/paid/ro", json=OWN)).status_code == 403


async def test_a_message_is_seen_before_anybody_gets_it_and_an_sms_measured(office: PostOffice) -> None:
    await office.tell(a_channel())
    seen = await office.api.post(
        "/v1/messages/preview",
        json={"status": {"name": "Gata", "message": "Bună, {customer_name}!", "sms": "Gata: {order_number} ș"},
              "language": "ro", "channel": "web", "comment": "<script>"},
    )  # fmt: skip
    found = seen.json()
    assert seen.status_code == 200, seen.text
    assert found["subject"] == "Gata · RO-2026-000123"
    assert "Bună, Ana Țepeș!" in found["text"]
    assert "Prăvălia" in found["text"]
    assert "&lt;script&gt;" in found["html"]
    assert (found["sms"]["text"], found["sms"]["encoding"]) == ("Gata: RO-2026-000123 ș", "ucs-2")
    assert (found["sms"]["costly"], found["sms"]["plain"]["encoding"]) == (["ș"], "gsm-7")
    wrong = [
        ({}, "kind"), ({"kind": "paid", "status": {"name": "x"}}, "kind"), ({"status": {"name": "{x}"}}, "status.name"),
        ({"kind": "paid", "draft": OWN | {"text": "}"}}, "draft.text"), ({"kind": "paid", "channel": "no"}, "channel"),
    ]  # fmt: skip
    for body, field in wrong:
        assert (await refused(office, "POST", "/v1/messages/preview", body))["errors"][0]["field"] == field
    assert await office.messages(an_order().id) == []


async def test_part_f121_the_length_of_an_sms_is_shown(office: PostOffice) -> None:
    long = await office.api.post("/v1/sms/measure", json={"text": "€" * 81})
    assert (long.json()["encoding"], long.json()["units"], len(long.json()["parts"])) == ("gsm-7", 162, 2)
    filled = (await office.api.post("/v1/sms/measure", json={"text": "{order_number} ț"})).json()
    assert filled["text"] == "RO-2026-000123 ț"
    assert filled["plain"]["text"] == "RO-2026-000123 t"
    assert (await refused(office, "POST", "/v1/sms/measure", {"text": "{nr}"}))["errors"][0]["field"] == "text"


async def test_an_address_that_bounced_is_not_written_to_until_that_is_forgotten(office: PostOffice) -> None:
    await office.smtp.misbehave("rcpt", "refuse", times=1, code=550)
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    [first] = await office.settled(order.id, "failed")
    shouted = ANA.model_copy(update={"email": "ANA@Example.org"})
    await office.tell(OrderPaid(order=order, person=shouted))
    found = await office.settled(order.id, "failed", count=2)
    assert [each["last_error"] for each in found] == ["550 5.0.0", "bounced"]
    assert office.letters(ANAS) == []
    told = [fact for fact in await office.told(order.id) if fact["type"].startswith("notification.")]
    assert [fact["type"] for fact in told] == ["notification.failed"] * 2
    [bounce] = (await office.api.get("/v1/bounces")).json()["items"]
    assert (bounce["address_hash"], bounce["reported_by"]) == (first["recipient_hash"], "smtp")
    assert "ana" not in str(bounce).lower()
    again = await office.api.post(f"/v1/messages/{first['id']}/resend", json={})
    assert (again.status_code, "/v1/bounces/" in again.text) == (409, True)
    place = f"/v1/bounces/{first['recipient_hash']}"
    assert (await office.api.delete(place)).status_code == 204
    assert (await office.api.delete(place)).status_code == 404
    again = await office.api.post(f"/v1/messages/{first['id']}/resend", json={})
    assert again.json()["resent_by"].startswith("key:") or again.json()["resent_by"].startswith("user:")
    await office.settled(order.id, "failed", "succeeded", count=3)
    assert len(office.letters(ANAS)) == 1


async def test_a_report_of_the_mail_provider_marks_the_message_and_tells_once(office: PostOffice) -> None:
    order = an_order(awbs=(an_awb(new_id()),))
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    [sent] = await office.settled(order.id, "succeeded")
    for body in ({}, {"address": ANAS, "message": sent["id"]}):
        assert (await refused(office, "POST", "/v1/bounces", body))["errors"][0]["field"] == "address"
    assert (await office.api.post("/v1/bounces", json={"message": str(new_id())})).status_code == 404
    for body in ({"address": "Ana@example.org", "reason": "5.1.1"}, {"message": sent["id"], "kind": "complaint"}):
        reply = await office.api.post("/v1/bounces", json=body)
        assert (reply.status_code, reply.json()["kind"], reply.json()["reason"]) == (201, "hard", "5.1.1")
    [back] = await office.messages(order.id)
    assert back["bounced_at"] is not None
    told = [fact for fact in await office.told(order.id) if fact["type"].startswith("notification.")]
    assert [fact["type"] for fact in told] == ["notification.sent", "notification.failed"]
    assert "bounced: hard" in told[1]["data"]
    assert ANAS not in told[1]["data"]
    assert (await office.api.as_role("dashboards").post("/v1/bounces", json={"address": ANAS})).status_code == 403
