"""From a fact to a mail in somebody's mailbox, on good days and on bad ones."""

import socket
from typing import Any

import pytest

from libs.contracts.common import Person
from libs.contracts.orders import (
    CancelReason,
    GiveBack,
    OrderCancelled,
    OrderCreated,
    OrderDelivered,
    OrderFact,
    OrderPaid,
    OrderShipped,
)
from libs.events.transaction import new_id
from libs.service.testing import running, until
from services.notifications.__main__ import service
from tests.service.notifications.post_office import PostOffice, deliver, rows, text_of
from tests.standins.smtp.app import SmtpStandIn
from tests.unit.notifications.letters import ANA, a_channel, a_line, a_transfer, an_awb, an_order

ANAS = "ana@example.org"
SHOPS = "desk@pravalia.example"


async def test_part_f8_every_step_is_mailed_once_in_the_customers_language(office: PostOffice) -> None:
    shipment = new_id()
    order = an_order(language="fr-FR", awbs=(an_awb(shipment),))
    facts: list[OrderFact] = [
        OrderCreated(order=order, person=ANA),
        OrderPaid(order=order, person=ANA),
        OrderShipped(order=order, person=ANA, shipment_id=shipment, depot="main"),
        OrderDelivered(order=order, person=ANA),
        OrderCancelled(order=order, person=ANA, reason=CancelReason.SHOP, give_back=GiveBack.ALL),
    ]
    records = await office.tell(a_channel(shop_email="comenzi@pravalia.example"), *facts)
    await deliver(office.api.context.uow, *records)
    await office.settled(order.id, "succeeded", count=5)
    mails = office.mails(ANAS)
    assert sorted(str(mail["subject"]).split(" RO-")[0] for mail in mails) == sorted(
        ["Nous avons bien reçu votre commande", "Paiement reçu pour votre commande",
         "Une partie de votre commande", "Votre commande", "Votre commande"]
    )  # fmt: skip
    assert {str(mail["from"]) for mail in mails} == {"Prăvălia <comenzi@pravalia.example>"}
    assert len({mail["message-id"] for mail in mails}) == 5
    told = await office.told(order.id)
    assert [fact["type"] for fact in told] == ["notification.sent"] * 5
    assert not any(ANAS in fact["data"] or "Țepeș" in fact["data"] for fact in told)


async def test_f36_the_shipping_mail_has_the_tracking_link(office: PostOffice) -> None:
    shipment = new_id()
    order = an_order(awbs=(an_awb(shipment),))
    shipped = OrderShipped(order=order, person=ANA, shipment_id=shipment, depot="main")
    await office.tell(a_channel(), shipped)
    await office.settled(order.id, "succeeded")
    (mail,) = office.mails(ANAS)
    assert "https://track.example/2000012345678" in text_of(mail)
    assert 'href="https://track.example/2000012345678"' in text_of(mail, "html")


async def test_part_f72_the_shop_gets_a_mail_for_each_new_order_where_it_wants_one(office: PostOffice) -> None:
    order = an_order(language="it")
    await office.tell(a_channel(merchant_email=SHOPS), OrderCreated(order=order, person=ANA))
    await office.settled(order.id, "succeeded", count=2)
    (mail,) = office.mails(SHOPS)
    assert mail["subject"] == "Comandă nouă RO-2026-000123: 100,00\u00a0RON"
    assert "ana@example.org" in text_of(mail)
    assert len(office.mails(ANAS)) == 1


async def test_who_pays_by_transfer_is_told_how_once_for_each_round(office: PostOffice) -> None:
    order = an_order()
    pending = a_transfer(order.id)
    later = pending.model_copy(update={"payment": pending.payment.model_copy(update={"version": 2})})
    again = pending.model_copy(update={"payment": pending.payment.model_copy(update={"version": 3, "round": 2})})
    await office.tell(pending, a_channel(), later)  # before anybody told of the order
    assert await office.messages(order.id) == []
    await office.tell(OrderPaid(order=order, person=ANA), again)
    found = await office.settled(order.id, "succeeded", count=3)
    assert sorted(each["kind"] for each in found) == ["paid", "pay_transfer", "pay_transfer"]
    mail = next(mail for mail in office.mails(ANAS) if "Cum plătiți" in str(mail["subject"]))
    assert "RF18RO2026000123" in text_of(mail)


async def test_nothing_is_written_about_an_old_order_or_to_nobody(office: PostOffice) -> None:
    old, nobody, other = an_order(historic=True), an_order(), an_order()
    await office.tell(
        a_channel(merchant_email=None),
        OrderCreated(order=old, person=ANA),
        OrderCreated(order=nobody, person=Person(name="Ana")),
        OrderCreated(order=other, person=ANA),
    )
    await office.settled(other.id, "succeeded")
    assert await office.messages(old.id) == await office.messages(nobody.id) == []
    assert await rows(office.api.context.uow, "SELECT 1 FROM known_order WHERE id = $1", old.id) == []


@pytest.mark.parametrize("address", ["nobody", "ana@example.org\r\nBcc: thief@example.org"])
async def test_an_address_that_is_none_fails_at_once_and_visibly(office: PostOffice, address: str) -> None:
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA.model_copy(update={"email": address})))
    (found,) = await office.settled(order.id, "failed")
    assert found["last_error"] == "this is no e-mail address"
    assert [fact["type"] for fact in await office.told(order.id)] == ["notification.failed"]
    assert office.smtp.asked("data") == office.smtp.asked("rcpt") == []


async def acknowledged(office: PostOffice) -> Any:
    order = an_order()
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    return order.id


@pytest.mark.parametrize(("operation", "how"), [("data", "refuse"), ("rcpt", "refuse"), ("rcpt", "drop_before")])
async def test_a_server_that_cannot_now_is_asked_again(office: PostOffice, operation: str, how: str) -> None:
    await office.smtp.misbehave(operation, how, times=2)
    order = await acknowledged(office)
    (found,) = await office.settled(order, "succeeded")
    assert (found["attempts"], found["doubts"]) == (3, 0)
    assert len(office.mails(ANAS)) == 1


@pytest.mark.parametrize("operation", ["data", "rcpt"])
async def test_a_final_no_is_final_and_told_without_the_address(office: PostOffice, operation: str) -> None:
    await office.smtp.misbehave(operation, "refuse", times=5, code=550)
    order = await acknowledged(office)
    (found,) = await office.settled(order, "failed")
    assert (found["attempts"], found["last_error"]) == (1, "550 5.0.0")
    (fact,) = await office.told(order)
    assert fact["type"] == "notification.failed"
    assert ANAS not in fact["data"]
    assert office.mails(ANAS) == []


@pytest.mark.parametrize(
    ("how", "patience", "copies", "doubts"),
    [("drop_before", 20, 1, 1), ("drop_after_effect", 20, 2, 1), ("late", 3, 2, 1), ("drop_after_250", 20, 1, 0)],
)
async def test_a_mail_of_unknown_fate_goes_again_under_the_same_message_id_and_is_counted(
    office: PostOffice, how: str, copies: int, doubts: int
) -> None:
    await office.smtp.misbehave("data", how, times=1, delay_ms=8000)
    order = await acknowledged(office)
    (found,) = await office.settled(order, "succeeded")
    assert found["doubts"] == doubts
    mails = office.mails(ANAS)
    assert len(mails) == copies
    assert {mail["message-id"] for mail in mails} == {found["message_id"]}
    assert len({mail.as_bytes() for mail in mails}) == 1
    types = [fact["type"] for fact in await office.told(order)]
    assert types.count("notification.sent") == 1


async def test_mails_wait_for_a_server_that_is_away(notifications_url: str, bus_url: str, smtp: SmtpStandIn) -> None:
    with socket.create_server((smtp.host, 0)) as taken:
        nobody = int(taken.getsockname()[1])
    order = an_order()
    async with running(service, notifications_url, bus_url, smtp_host=smtp.host, smtp_port=nobody) as api:
        away = PostOffice(api, smtp)
        await away.tell(a_channel(), OrderCreated(order=order, person=ANA))
        (found,) = await until(lambda: _tried(away, order.id))
        assert (found["state"], found["doubts"]) == ("due", 0)
    async with running(service, notifications_url, bus_url, smtp_host=smtp.host, smtp_port=smtp.smtp_port) as api:
        await PostOffice(api, smtp).settled(order.id, "succeeded")


async def _tried(office: PostOffice, order: Any) -> list[dict[str, Any]]:
    return [each for each in await office.messages(order) if each["last_error"] == "SMTPConnectError"]


async def test_a_login_that_is_refused_waits_for_better_settings(notifications_url: str, bus_url: str) -> None:
    order = an_order()
    with SmtpStandIn(username="comanda", password="right") as smtp:
        told: dict[str, Any] = {"smtp_host": smtp.host, "smtp_port": smtp.smtp_port, "smtp_username": "comanda"}
        async with running(service, notifications_url, bus_url, smtp_password="wrong", **told) as api:
            office = PostOffice(api, smtp)
            await office.tell(a_channel(), OrderCreated(order=order, person=ANA))

            async def refused() -> bool:
                return bool((await office.messages(order.id))[0]["last_error"] == "535 5.7.8")

            await until(refused)
            assert (await office.messages(order.id))[0]["state"] == "due"
            await rows(api.context.uow, "UPDATE message SET due_at = now() RETURNING id")
        async with running(service, notifications_url, bus_url, smtp_password="right", **told) as api:
            await PostOffice(api, smtp).settled(order.id, "succeeded")
        assert len(smtp.mails(ANAS)) == 1


async def test_what_cannot_be_sent_for_days_is_given_up(
    notifications_url: str, bus_url: str, smtp: SmtpStandIn
) -> None:
    await smtp.misbehave("rcpt", "refuse", times=100)
    order = an_order()
    async with running(
        service, notifications_url, bus_url, smtp_host=smtp.host, smtp_port=smtp.smtp_port, give_up_after=3600
    ) as api:
        office = PostOffice(api, smtp)
        await office.tell(a_channel(), OrderCreated(order=order, person=ANA))

        async def tried_twice() -> bool:
            return any(message["attempts"] > 1 for message in await office.messages(order.id))

        await until(tried_twice)
        await rows(api.context.uow, "UPDATE message SET created_at = created_at - interval '2 hours' RETURNING id")
        (found,) = await office.settled(order.id, "failed")
        assert found["attempts"] > 1
        assert found["last_error"].startswith("given up after")


async def test_a_large_order_is_one_mail(office: PostOffice) -> None:
    order = an_order(lines=tuple(a_line(f"Articol {n}") for n in range(1000)))
    await office.tell(a_channel(), OrderCreated(order=order, person=ANA))
    await office.settled(order.id, "succeeded")
    (mail,) = office.mails(ANAS)
    assert "Articol 999" in text_of(mail)
    assert "Articol 999" in text_of(mail, "html")
