"""Statuses of the shop's own, told to the customer by mail."""

from datetime import datetime, timedelta
from typing import Any

from libs.contracts.customers import CustomerChanged
from libs.contracts.orders import OrderCreated, OrderHeld, OrderOverdue, OrderPaid, OrderSnapshot
from libs.contracts.statuses import StatusActions, StatusChanged, StatusText
from libs.events.testing import record_of
from libs.events.transaction import UnitOfWork, new_id
from tests.service.notifications.post_office import PostOffice, deliver, rows, text_of
from tests.unit.notifications.letters import ANA, PLACED, a_channel, an_awb, an_order

ANAS = "ana@example.org"
ALERTS = "alerts@pravalia.example"
MADE = StatusText(
    language="ro",
    name="Pe masa de lucru",
    message="{customer_name}, lucrăm la {order_number} ({total}).\n\nUrmăriți: {tracking_link}",
    sms="{shop}: comanda {order_number} e în lucru",
)


def a_status(order: OrderSnapshot, **more: Any) -> StatusChanged:
    given: dict[str, Any] = {
        "order": order, "person": ANA, "entry": new_id(), "status": new_id(), "type": "custom", "track": "order",
        "colour": "#336699", "text": MADE, "published": True, "actions": StatusActions(publish=True, mail=True),
        "applied_at": PLACED,
    }  # fmt: skip
    return StatusChanged(**(given | more))


async def test_f8_f9_f72_f50_every_status_is_mailed_within_seconds_once_in_its_language(office: PostOffice) -> None:
    order = an_order()
    person = ANA.model_copy(update={"tracking": "to-ken", "comment": "Glazura e <b>aproape</b> gata"})
    status = a_status(order, person=person)
    chosen = a_status(order, text=StatusText(language="de-AT", name="Verpackt"), person=person)
    quiet = a_status(order, actions=StatusActions(publish=True))
    channel = a_channel(merchant_email="desk@pravalia.example", tracking_url="https://urma.example/")
    records = await office.tell(channel, status, chosen, quiet)
    await deliver(office.api.context.uow, *records)
    again = status.model_copy(update={"order": order.model_copy(update={"version": 9})})
    await office.tell(again, OrderCreated(order=order, person=person))  # a status said anew is the same entry
    found = await office.settled(order.id, "succeeded", count=4)
    assert sorted((each["kind"], each["language"], each["by"]) for each in found) == [
        ("acknowledged", "ro", "mail"), ("new_order", "ro", "mail"), ("status", "de-AT", "mail"),
        ("status", "ro", "mail"),
    ]  # fmt: skip
    mails = {str(mail["subject"]): mail for mail in office.letters(ANAS)}
    mine = mails["Pe masa de lucru · RO-2026-000123"]
    assert "Ana Țepeș, lucrăm la RO-2026-000123 (100,00\u00a0RON)." in text_of(mine)
    assert "https://urma.example/t/to-ken" in text_of(mine)
    assert '<a href="https://urma.example/t/to-ken">' in text_of(mine, "html")
    assert "Glazura e &lt;b&gt;aproape&lt;/b&gt; gata" in text_of(mine, "html")
    assert mine["content-language"] == "ro"
    german = mails["Verpackt · RO-2026-000123"]
    assert german["content-language"] == "de-AT"
    assert "Hello" not in text_of(german)  # no words of a language that is not the reader's
    assert "Verpackt" in text_of(german)
    assert len(office.letters("desk@pravalia.example")) == 1
    bus_order = an_order()
    await office.say(a_status(bus_order))
    [swift] = await office.settled(bus_order.id, "succeeded")
    moments = [datetime.fromisoformat(swift[name]) for name in ("created_at", "sent_at")]
    assert moments[1] - moments[0] < timedelta(seconds=30)
    assert len(office.letters(ANAS)) == 4


async def test_part_f128_an_unpublished_entry_reaches_no_customer_by_mail_or_sms(notifications: UnitOfWork) -> None:
    order = an_order()
    everything = StatusActions(publish=True, mail=True, sms=True)
    hidden = a_status(order, published=False, actions=everything)
    await deliver(notifications, record_of(hidden), record_of(a_channel()), record_of(hidden))
    assert await rows(notifications, "SELECT * FROM message") == []
    assert await rows(notifications, "SELECT * FROM waiting_fact") == []


async def test_part_f129_f130_the_link_stands_in_the_acknowledgement_only_where_it_is_published(
    office: PostOffice,
) -> None:
    person = ANA.model_copy(update={"tracking": "to/ken"})
    shown, hidden = an_order(), an_order(channel="quiet")
    await office.tell(
        a_channel(tracking_url="https://urma.example"),
        a_channel(id=new_id(), code="quiet", tracking_url="https://urma.example", history_published=False),
        OrderCreated(order=shown, person=person),
        OrderCreated(order=hidden, person=person),
    )
    [first] = await office.settled(shown.id, "succeeded")
    [second] = await office.settled(hidden.id, "succeeded")
    shown_text, hidden_text = [(await office.api.get(f"/v1/messages/{each['id']}")).json() for each in (first, second)]
    assert "Urmăriți comanda: https://urma.example/t/to%2Fken" in shown_text["text"]
    assert 'href="https://urma.example/t/to%2Fken"' in shown_text["html"]
    assert "urma.example" not in hidden_text["text"] + hidden_text["html"]


async def test_f77_part_f78_f80_deadlines_and_losses_alert_the_shop_once(office: PostOffice) -> None:
    order = an_order()
    late = OrderOverdue(order=order, person=ANA, kind="payment", due_at=PLACED)
    loss = OrderHeld(order=order, person=ANA, kind="loss", reason="pierdere de 12,30 RON")
    other = OrderHeld(order=order, person=ANA, kind="fraud", reason="x")
    records = await office.tell(a_channel(merchant_email="desk@p.example", alert_email=ALERTS), late, loss, other)
    await deliver(office.api.context.uow, *records)
    await office.settled(order.id, "succeeded", count=2)
    first, second = sorted(office.letters(ALERTS), key=lambda mail: str(mail["subject"]))
    assert first["subject"] == "Comanda RO-2026-000123 ar fi în pierdere și este blocată"
    assert "pierdere de 12,30 RON" in text_of(first)
    assert second["subject"] == "Plata comenzii RO-2026-000123 a depășit termenul"
    assert "23 noiembrie 2026, 00:30" in text_of(second)
    assert office.letters(ANAS) == []
    fallback = an_order(channel="other")
    asked = {"alert_holds": ["fraud"], "switches": {"overdue": {"mail": False}}}
    assert (await office.api.put("/v1/message-settings", json=asked)).status_code == 200
    channel = a_channel(id=new_id(), code="other", merchant_email="desk@p.example")
    said = [fact.model_copy(update={"order": fallback}) for fact in (late, loss, other)]
    await office.tell(channel, *said)
    await office.settled(fallback.id, "succeeded", count=1)
    [mail] = office.letters("desk@p.example")
    assert mail["subject"] == "Comanda RO-2026-000123 este blocată"


async def test_what_a_customer_wishes_is_heeded_whatever_came_first(office: PostOffice) -> None:
    customer = new_id()
    order = an_order(customer_id=customer, language="ro")
    newest = CustomerChanged(id=customer, version=3, language="fr", by_mail=False)
    older = CustomerChanged(id=customer, version=2, language="it", by_mail=True)
    await office.tell(a_channel(), newest, newest, older)
    await office.tell(a_status(order), OrderPaid(order=order, person=ANA), OrderCreated(order=order, person=ANA))
    [found] = await office.settled(order.id, "succeeded", count=1)
    assert (found["kind"], found["language"]) == ("acknowledged", "fr")  # what the sale asks for is always written
    await office.tell(CustomerChanged(id=customer, version=4, language="fr"), a_status(order))
    assert sorted(each["kind"] for each in await office.settled(order.id, "succeeded", count=2)) == [
        "acknowledged", "status",
    ]  # fmt: skip


async def test_f36_a_shipping_mail_in_the_shops_words_has_both_links(office: PostOffice) -> None:
    shipment = new_id()
    order = an_order(awbs=(an_awb(shipment),))
    status = a_status(order, text=MADE.model_copy(update={"message": "AWB {awb}: {courier_link}"}))
    await office.tell(a_channel(), status)
    await office.settled(order.id, "succeeded")
    [mail] = office.letters(ANAS)
    assert "AWB 2000012345678: https://track.example/2000012345678" in text_of(mail)
    assert 'href="https://track.example/2000012345678"' in text_of(mail, "html")
