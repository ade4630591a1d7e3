"""Mail goes over TLS to the server that was named, and to no other."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope

from libs.events.transaction import UnitOfWork, new_id
from libs.service.outside import Answer, Succeeded, Wait
from services.notifications.sender import Sender
from services.notifications.settings import Settings
from tests.standins.paypal.certs import Certificates

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


class Postman:
    """Takes every mail."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.taken.append(envelope)
        return "250 OK"


@asynccontextmanager
async def server(postman: Postman, context: ssl.SSLContext, tls: str) -> AsyncIterator[int]:
    """A mail server that takes nothing in the clear; its port."""
    own: dict[str, Any] = {"tls_context": context, "require_starttls": True} if tls == "starttls" else {}
    listening = await asyncio.get_running_loop().create_server(
        lambda: SMTP(postman, hostname="mail.test", **own), "127.0.0.1", 0, ssl=None if own else context
    )
    yield int(listening.sockets[0].getsockname()[1])
    listening.close()


async def sent(port: int, tls: str, ca: Path | None) -> Answer:
    told: dict[str, Any] = {
        "mode": "development", "database_url": NOWHERE, "events_bus": NOWHERE, "mail_from": "mails@pravalia.example",
        "smtp_host": "localhost", "smtp_port": port, "smtp_tls": tls, "smtp_ca_file": ca, "smtp_timeout": 5,
    }  # fmt: skip
    row = {
        "cause": new_id(), "kind": "paid", "recipient": "ana@example.org", "language": "ro", "sender": None,
        "sender_name": "Prăvălia", "subject": "Plata", "text": "Bună ziua\n", "html": "<p>Bună ziua</p>\n",
        "created_at": datetime.now(UTC), "attempts": 1,
    }  # fmt: skip
    return await Sender(UnitOfWork.open(NOWHERE, "notifications"), Settings(**told)).send(row)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_mail_goes_over_tls_to_a_server_whose_name_is_proved(tmp_path: Path, tls: str) -> None:
    certificates = Certificates("localhost", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates.tls())
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificates.ca_pem)
    postman = Postman()
    async with server(postman, context, tls) as port:
        assert await sent(port, tls, trusted) == Succeeded()
        (mail,) = postman.taken
        assert mail.rcpt_tos == ["ana@example.org"]
        assert isinstance(await sent(port, tls, None), Wait)  # of an authority that nobody here knows
        if tls == "starttls":
            assert isinstance(await sent(port, "none", None), Wait)
    assert len(postman.taken) == 1
