"""The mail stand-in: mails arrive, can be read, and are refused or half-answered on command."""

import asyncio
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import httpx
import pytest

from tests.standins.smtp import SmtpStandIn


@pytest.fixture
async def server() -> AsyncIterator[SmtpStandIn]:
    async with SmtpStandIn() as stand_in:
        yield stand_in


def mail(message_id: str = "<1@shop.example>") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "ana@example.com", "Comandă expediată ț"
    message["Message-ID"] = message_id
    message.set_content("Bună, Ană <b>")
    message.add_alternative("<p>Bună, <b>Ană</b></p>", subtype="html")
    return message


async def send(server: SmtpStandIn, message: EmailMessage) -> None:
    await aiosmtplib.send(message, hostname=server.host, port=server.smtp_port, timeout=5)


async def test_a_mail_can_be_read(server: SmtpStandIn) -> None:
    await send(server, mail())
    async with httpx.AsyncClient(base_url=server.url) as http:
        [seen] = (await http.get("/messages", params={"to": "ana@example.com"})).json()["messages"]
        assert (seen["subject"], seen["message_id"]) == ("Comandă expediată ț", "<1@shop.example>")
        assert b"Message-ID: <1@shop.example>" in (await http.get("/messages/1")).content
        assert "Bună, Ană &lt;b&gt;" in (await http.get("/messages/1/view")).text
        assert "<b>Ană</b>" in (await http.get("/messages/1/html")).text
        assert "Comandă expediată ț" in (await http.get("/")).text
        assert (await http.delete("/messages")).json() == {"deleted": 1}
        assert (await http.get("/messages/1")).status_code == 404
    assert [entry["message_id"] for entry in server.did("mail")] == ["<1@shop.example>"]


@pytest.mark.parametrize(("code", "operation"), [(451, "data"), (554, "data"), (550, "rcpt")])
async def test_a_refused_mail_is_not_there(server: SmtpStandIn, code: int, operation: str) -> None:
    await server.misbehave(operation, "refuse", code=code)
    with pytest.raises(aiosmtplib.SMTPException) as refused:
        await send(server, mail())
    assert str(code) in str(refused.value)
    assert server.mails() == []
    await send(server, mail())
    assert len(server.mails()) == 1


@pytest.mark.parametrize(("how", "there"), [("drop_before", 0), ("drop_after_effect", 1)])
async def test_a_dropped_connection_tells_nothing(server: SmtpStandIn, how: str, there: int) -> None:
    await server.misbehave("data", how)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await send(server, mail())
    assert len(server.mails()) == there


async def test_a_late_yes_comes_after_the_mail_is_in(server: SmtpStandIn) -> None:
    await server.misbehave("data", "late", delay_ms=60_000)
    with pytest.raises(aiosmtplib.SMTPTimeoutError):
        await aiosmtplib.send(mail(), hostname=server.host, port=server.smtp_port, timeout=3)
    assert len(server.mails()) == 1


async def test_a_connection_dropped_after_the_yes_lost_nothing(server: SmtpStandIn) -> None:
    await server.misbehave("data", "drop_after_250")
    client = aiosmtplib.SMTP(hostname=server.host, port=server.smtp_port, timeout=5)
    await client.connect()
    await client.send_message(mail())
    assert len(server.mails()) == 1
    async with asyncio.timeout(5):
        while client.is_connected:
            await asyncio.sleep(0.01)


async def test_a_login_is_asked_for_where_set() -> None:
    async with SmtpStandIn(username="shop", password="secret") as server:
        with pytest.raises(aiosmtplib.SMTPException):
            await send(server, mail())
        await aiosmtplib.send(
            mail(), hostname=server.host, port=server.smtp_port, username="shop", password="secret", start_tls=False
        )
        assert len(server.mails()) == 1
