"""What a test of notifications speaks with: facts in, mails and messages out."""

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from uuid import UUID

from libs.events.bus import Outgoing, Record, Sent
from libs.events.contract import Event
from libs.events.testing import record_of
from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import ServiceClient, until
from services.notifications.consumers import consumer
from tests.standins.smtp.app import SmtpStandIn

CAUSE = Cause("system:test")


async def deliver(uow: UnitOfWork, *records: Record) -> None:
    """Each in a transaction of its own."""
    for record in records:
        await consumer.deliver(uow, record)


async def rows(uow: UnitOfWork, statement: str, *values: Any) -> Sequence[dict[str, Any]]:
    """Straight from the database."""
    async with uow(CAUSE) as tx:
        return [dict(row) for row in await tx.sql.fetch(statement, *values)]


@dataclass
class PostOffice:
    """The service, and the mail server it speaks with."""

    api: ServiceClient
    smtp: SmtpStandIn

    async def tell(self, *facts: Event) -> list[Record]:
        """Deliver facts as the bus would; the records, for delivering them again."""
        records = [record_of(fact) for fact in facts]
        await deliver(self.api.context.uow, *records)
        return records

    async def say(self, *facts: Event) -> None:
        """Let facts travel over the bus to the consumer, twice each."""
        bus = self.api.context.bus
        for record in [record_of(fact) for fact in facts for _ in range(2)]:
            (outcome,) = await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers)])
            assert isinstance(outcome, Sent), outcome

    async def messages(self, order: UUID) -> list[dict[str, Any]]:
        """What was written about an order, oldest first."""
        reply = await self.api.get("/v1/messages", params={"order_id": str(order)})
        assert reply.status_code == 200, reply.text
        return list(reversed(reply.json()["items"]))

    async def settled(self, order: UUID, *states: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until an order has so many messages, all in one of these states."""

        async def there() -> list[dict[str, Any]]:
            found = await self.messages(order)
            return found if len(found) == count and all(each["state"] in states for each in found) else []

        return await until(there, within=60, why=f"{count} messages {states}")

    def mails(self, to: str) -> list[EmailMessage]:
        """The mails that reached a mailbox, oldest first."""
        raw = [self.smtp.mailbox.raw(str(each["n"])) for each in self.smtp.mails(to)]
        return [email.message_from_bytes(content, policy=email.policy.default) for content in raw if content]

    def letters(self, to: str) -> list[EmailMessage]:
        """The same, further copies left out: on a slow machine an answer of the mail server may be late."""
        return list({mail["message-id"]: mail for mail in self.mails(to)}.values())

    async def told(self, order: UUID) -> list[dict[str, Any]]:
        """The facts about an order's messages, oldest first, as type and data."""
        found = await rows(
            self.api.context.uow,
            """SELECT seq, type, payload::jsonb::text AS data FROM outbox WHERE key = $1
               UNION ALL SELECT seq, type, payload::jsonb::text FROM outbox_sent WHERE key = $1 ORDER BY seq""",
            str(order),
        )
        return [{"type": row["type"], "data": row["data"]} for row in found]

    async def until_told(self, order: UUID, topic: str) -> None:
        """Wait for a fact."""

        async def there() -> bool:
            return topic in [fact["type"] for fact in await self.told(order)]

        await until(there, within=60, why=topic)


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    """The plain or html part."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())
