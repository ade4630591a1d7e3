"""SMS through a gateway: both adapters, on good days and on bad ones."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from libs.contracts.customers import CustomerChanged
from libs.contracts.orders import OrderPaid
from libs.contracts.statuses import StatusActions
from libs.events.transaction import new_id
from libs.service.testing import running, until
from services.notifications.__main__ import service
from services.notifications.handlers import told
from tests.service.notifications.post_office import PostOffice
from tests.service.notifications.test_statuses import MADE, a_status
from tests.standins.sms import SmsStandIn
from tests.standins.smtp.app import SmtpStandIn
from tests.unit.notifications.letters import ANA, a_channel, an_order

NUMBER = "+40722123456"
SMS = StatusActions(publish=True, sms=True)
GENERIC = {"sms": "generic", "sms_auth": "Bearer sms-secret", "sms_yes": "accepted", "sms_no": "rejected"}
TWILIO = {"sms": "twilio", "sms_account": "AC0123456789", "sms_token": "sms-secret"}
Opened = Callable[..., AbstractAsyncContextManager[PostOffice]]


@pytest.fixture
async def opened(notifications_url: str, bus_url: str, smtp: SmtpStandIn, gateway: SmsStandIn) -> AsyncIterator[Opened]:
    @asynccontextmanager
    async def office(adapter: dict[str, Any], **more: Any) -> AsyncIterator[PostOffice]:
        url = gateway.url if adapter["sms"] == "twilio" else f"{gateway.url}/send"
        given = {"sms_url": url, "sms_sender": "Bottega", "sms_timeout": 20, "sms_grace": 0.1, "look_up_after": 0.1}
        own: dict[str, Any] = given | adapter | more
        async with running(
            service, notifications_url, bus_url, smtp_host=smtp.host, smtp_port=smtp.smtp_port, **own
        ) as api:
            yield PostOffice(api, smtp)

    yield office
    told.sms = False  # what other tests are told


async def said(office: PostOffice, **more: Any) -> UUID:
    order = an_order()
    await office.tell(a_channel(), a_status(order, **({"actions": SMS} | more)))
    return order.id


@pytest.mark.parametrize("adapter", [GENERIC, TWILIO], ids=["generic", "twilio"])
async def test_part_f8_f118_f121_a_status_goes_out_by_sms_once_in_its_language(
    opened: Opened, gateway: SmsStandIn, adapter: dict[str, Any]
) -> None:
    async with opened(adapter) as office:
        order = an_order()
        both = a_status(order, actions=StatusActions(publish=True, mail=True, sms=True))
        await office.tell(a_channel(), both, both, a_status(order, published=False, actions=SMS))
        found = await office.settled(order.id, "succeeded", count=2)
        [sms] = [each for each in found if each["by"] == "sms"]
        assert (sms["recipient"], sms["parts"], sms["message_id"]) == (NUMBER, 1, None)
        [sent] = gateway.sent()
        assert (sent["to"], sent["sender"]) == (NUMBER, "Bottega")
        assert sent["text"] == "Prăvălia: comanda RO-2026-000123 e în lucru"
        told_of = [fact for fact in await office.told(order.id) if fact["type"].startswith("notification.")]
        assert [fact["type"] for fact in told_of] == ["notification.sent"] * 2
        assert not any(NUMBER in fact["data"] for fact in told_of)


async def test_f121_sms_are_switched_on_and_off_written_plain_and_wishes_heeded(
    opened: Opened, gateway: SmsStandIn, notifications_url: str, bus_url: str
) -> None:
    async with running(service, notifications_url, bus_url) as api:  # no gateway is set: nothing is even written
        off = PostOffice(api, None)  # type: ignore[arg-type]
        assert await off.messages(await said(off)) == []
    async with opened(GENERIC) as office:
        put = office.api.put
        assert (await put("/v1/message-settings", json={"sms": False})).json()["gateway"] == "generic"
        assert await office.messages(await said(office)) == []
        assert (await put("/v1/message-settings", json={"sms_plain": True})).status_code == 200
        customer = new_id()
        silent = an_order(customer_id=customer)
        await office.tell(CustomerChanged(id=customer, version=1, by_sms=False), a_status(silent, actions=SMS))
        own = {"subject": "s", "text": "t", "sms": "Plătit {total} ș"}
        assert (await put("/v1/message-templates/paid/ro", json=own)).status_code == 200
        order = an_order()
        abroad = ANA.model_copy(update={"phone": "00 33 (0)6 12-34-56-78"})
        await office.tell(OrderPaid(order=order, person=abroad))
        found = await office.settled(order.id, "succeeded", count=2)
        assert sorted(each["by"] for each in found) == ["mail", "sms"]
        assert [(each["to"], each["text"]) for each in gateway.sent()] == [("+33612345678", "Platit 100,00 RON s")]
        assert await office.messages(silent.id) == []
        wrong = await said(office, person=ANA.model_copy(update={"phone": "none of yours"}))
        [failed] = await office.settled(wrong, "failed")
        assert failed["last_error"] == "this is no phone number with its country"


@pytest.mark.parametrize(
    ("adapter", "operation", "hows"),
    [(GENERIC, "send", {"drop_after_effect": 1, "garbage": 1, "error500": 1, "rate_limit": 0}),
     (GENERIC | {"sms_timeout": 3}, "send", {"late": 1}),
     (TWILIO, "create", {"drop_after_effect": 1, "error500_after": 1, "error500": 1, "drop_before": 1})],
    ids=["generic", "generic-late", "twilio"],
)  # fmt: skip
async def test_an_sms_whose_answer_was_lost_still_goes_out_once(
    opened: Opened, gateway: SmsStandIn, adapter: dict[str, Any], operation: str, hows: dict[str, int]
) -> None:
    for how in hows:
        await gateway.misbehave(operation, how, times=1, delay_ms=8000)
    async with opened(adapter) as office:
        numbers = [f"+4072200000{number}" for number in range(len(hows))]
        orders = [await said(office, person=ANA.model_copy(update={"phone": to})) for to in numbers]
        found = [(await office.settled(order, "succeeded"))[0] for order in orders]
        assert sum(each["doubts"] for each in found) == sum(hows.values())
        assert sorted(each["to"] for each in gateway.sent()) == numbers
        for order in orders:
            assert [fact["type"] for fact in await office.told(order)].count("notification.sent") == 1


async def test_the_same_words_to_the_same_number_twice_are_two_sms_even_when_an_answer_is_lost(
    opened: Opened, gateway: SmsStandIn
) -> None:
    async with opened(TWILIO) as office:
        order = an_order()
        await office.tell(a_channel(), a_status(order, actions=SMS))
        await office.settled(order.id, "succeeded")
        await gateway.misbehave("create", "drop_before", times=1)
        await office.tell(a_status(order, actions=SMS))
        await office.settled(order.id, "succeeded", count=2)
        assert len(gateway.sent()) == 2
        await gateway.misbehave("create", "drop_after_effect", times=1)
        await gateway.misbehave("list", "behind", times=1)  # what was taken stands in the list a little later
        await office.tell(a_status(order, actions=SMS))
        await office.settled(order.id, "succeeded", count=3)
        assert len(gateway.sent()) == 3


async def test_a_gateway_that_knows_no_references_may_send_twice_and_that_is_counted(
    notifications_url: str, bus_url: str
) -> None:
    with SmsStandIn(forgets=True) as gateway:
        await gateway.misbehave("send", "garbage", times=1)
        given: dict[str, Any] = GENERIC | {"sms_url": f"{gateway.url}/send", "look_up_after": 0.1}
        async with running(service, notifications_url, bus_url, **given) as api:
            office = PostOffice(api, None)  # type: ignore[arg-type]
            [found] = await office.settled(await said(office), "succeeded")
            assert (found["doubts"], len(gateway.sent())) == (1, 2)
    told.sms = False


async def test_a_no_is_final_and_a_gateway_that_never_speaks_clearly_needs_a_person(
    opened: Opened, gateway: SmsStandIn
) -> None:
    async with opened(GENERIC, sms_tries=2, sms_no="MISBEHAVED") as office:
        await gateway.misbehave("send", "error500", times=1)
        [refused] = await office.settled(await said(office), "failed")
        assert refused["last_error"] == "500: the gateway's no"
        await gateway.misbehave("send", "garbage", times=50)
        stuck = await said(office)
        [found] = await office.settled(stuck, "refused")
        assert "no clear answer" in found["last_error"]
        assert (found["doubts"], len(gateway.sent())) == (2, 1)
        await office.until_told(stuck, "work.stuck")
        again = await office.api.post(f"/v1/messages/{found['id']}/resend", json={"recipient": "+40700000001"})
        assert again.status_code == 201, again.text
        wrong = await office.api.post(f"/v1/messages/{found['id']}/resend", json={"recipient": "ana@example.org"})
        assert wrong.status_code == 422


async def test_wrong_credentials_wait_for_whoever_mends_them(opened: Opened, gateway: SmsStandIn) -> None:
    async with opened(TWILIO, sms_token="wrong") as office:
        order = await said(office, text=MADE)
        [found] = await until(lambda: _tried(office, order))
        assert "refuses our credentials" in found["last_error"]
        assert gateway.sent() == []


async def _tried(office: PostOffice, order: UUID) -> list[dict[str, Any]]:
    return [each for each in await office.messages(order) if each["last_error"]]
