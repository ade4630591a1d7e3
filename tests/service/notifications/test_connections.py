"""A connection to the mail server is kept for the next mails, and is never a reason to lose or double one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from libs.events.transaction import UnitOfWork, new_id
from libs.service.outside import Failed, Succeeded
from services.notifications import connections
from services.notifications.sender import Sender
from services.notifications.settings import Settings

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class Server:
    """Takes every mail but those to nobody; knows who spoke over which connection."""

    def __init__(self) -> None:
        self.connections: list[SMTP] = []
        self.taken: list[Envelope] = []

    def connected(self) -> SMTP:
        self.connections.append(SMTP(self, hostname="mail.test"))
        return self.connections[-1]

    async def handle_RCPT(self, _server: SMTP, _session: Any, envelope: Envelope, to: str, _: Any) -> str:  # noqa: N802
        if to.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 OK"


@asynccontextmanager
async def post() -> AsyncIterator[tuple[Server, Sender]]:
    server = Server()
    listening = await asyncio.get_running_loop().create_server(server.connected, "127.0.0.1", 0)
    told: dict[str, Any] = {
        "mode": "development", "database_url": NOWHERE, "events_bus": NOWHERE, "mail_from": "mails@pravalia.example",
        "smtp_port": listening.sockets[0].getsockname()[1], "smtp_timeout": 5,
    }  # fmt: skip
    yield server, Sender(UnitOfWork.open(NOWHERE, "notifications"), Settings(**told))
    listening.close()


def mail(to: str = "ana@example.org") -> dict[str, Any]:
    return {
        "cause": new_id(), "kind": "paid", "recipient": to, "language": "ro", "sender": None,
        "sender_name": "Prăvălia", "subject": "Plata", "text": "Bună ziua\n", "html": "<p>Bună ziua</p>\n",
        "created_at": datetime.now(UTC), "attempts": 1,
    }  # fmt: skip


async def test_mails_one_after_the_other_go_over_one_connection() -> None:
    async with post() as (server, sender):
        for _ in range(5):
            assert await sender.send(mail()) == Succeeded()
        assert len(server.taken) == 5
        assert len(server.connections) == 1


async def test_no_more_than_some_mails_go_over_one_connection() -> None:
    async with post() as (server, sender):
        for _ in range(connections.MOST_MAILS + 1):
            assert await sender.send(mail()) == Succeeded()
        assert len(server.connections) == 2


async def test_mails_at_once_never_share_a_connection() -> None:
    async with post() as (server, sender):
        assert set(map(repr, await asyncio.gather(*(sender.send(mail()) for _ in range(8))))) == {repr(Succeeded())}
        assert len(server.connections) == 8
        assert len({envelope.content for envelope in server.taken}) == 8


async def test_a_kept_connection_that_the_server_has_closed_costs_no_mail() -> None:
    async with post() as (server, sender):
        assert await sender.send(mail()) == Succeeded()
        transport = server.connections[0].transport
        assert transport is not None
        transport.close()
        assert await sender.send(mail()) == Succeeded()
        assert (len(server.taken), len(server.connections)) == (2, 2)


async def test_after_a_refusal_the_next_mail_goes_over_a_connection_of_its_own() -> None:
    async with post() as (server, sender):
        assert isinstance(await sender.send(mail("nobody@example.org")), Failed)
        assert await sender.send(mail()) == Succeeded()
        (taken,) = server.taken
        assert taken.rcpt_tos == ["ana@example.org"]
        assert len(server.connections) == 2
