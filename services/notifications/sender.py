"""The loop that hands mails to the mail server: every mail at least once under one Message-ID, a doubt is counted."""

import logging
import re
import ssl
from datetime import UTC, datetime

import aiosmtplib
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)
from prometheus_client import Counter

from libs.contracts.notifications import NotificationSent
from libs.events.transaction import Transaction, UnitOfWork
from libs.service.outside import Answer, Failed, OutsideCalls, Row, Succeeded, Unknown, Wait
from services.notifications import handlers, store
from services.notifications.bounces import store as bounces
from services.notifications.bounces.domain import BounceKind
from services.notifications.connections import Lines
from services.notifications.domain import MAIL, hash_of
from services.notifications.mail import host_of, mail_of
from services.notifications.settings import Settings
from services.notifications.tables import Message

log = logging.getLogger(__name__)
MAILS = Counter("comanda_mails_total", "What became of mails handed to the mail server.", ["kind", "outcome"])
PERMANENT = 500
NO_MAILBOX = frozenset({550, 551, 553})
OUR_PAUSE = 60.0
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")


class Sender:
    """Speaks SMTP. A connection is kept for the next mail only after the server has taken one."""

    def __init__(self, uow: UnitOfWork, settings: Settings) -> None:
        """`calls` holds the loops; nothing is connected yet."""
        self.settings = settings
        self._tls = ssl.create_default_context(cafile=settings.smtp_ca_file) if settings.smtp_tls != "none" else None
        self._lines = Lines(self._client)
        self.calls = OutsideCalls(
            uow,
            Message,
            only="by = 'mail'",
            call=self.send,
            record=self.record,
            look_up=self.send,  # nobody can ask a mail server: the same mail again, under the same Message-ID
            lease=settings.call_lease,
            look_up_after=settings.look_up_after,
            batch=settings.smtp_connections * 4,
            concurrency=settings.smtp_connections,
            needed="version, fact_sequence, recipient, recipient_hash",
            succeeding=", sent_at = now(), version = version + 1",
        )

    async def send(self, row: Row) -> Answer:
        """Hand one mail over. Until its content is sent nothing has happened; after that no answer is a doubt."""
        answer = await self._said(row)
        if isinstance(answer, Wait) and datetime.now(UTC) - row["created_at"] > self.settings.give_up_after:
            return Failed(f"given up after {row['attempts']} tries: {answer.reason}")
        return answer

    async def _said(self, row: Row) -> Answer:
        try:
            bounces, recipient, content = mail_of(row, self.settings.mail_from)
        except ValueError:
            return Failed(handlers.NO_ADDRESS)
        try:
            line = await self._lines.opened()
        except (SMTPException, OSError) as error:
            return before_content(error)
        taken = False
        try:
            answer = await _handed_over(line.client, bounces, recipient, content)
            taken = isinstance(answer, Succeeded)
        finally:
            if taken:
                self._lines.give_back(line)
            else:
                line.client.close()
        return answer

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        """Say what became of it, in facts without its text or recipient."""
        MAILS.labels(row["kind"], type(answer).__name__.lower()).inc()
        match answer:
            case Succeeded():
                fact = NotificationSent(
                    message=row["id"], version=row["version"], order_id=row["order_id"], kind=row["kind"], by=MAIL
                )
                await tx.emit(store.MessageRow(row["id"]), fact)
            case Failed(reason, bounced):
                version = await store.changed(tx, row["id"])
                if bounced:
                    known_by = row["recipient_hash"] or hash_of(row["recipient"])  # none: written by an older release
                    await bounces.note(tx, known_by, BounceKind.HARD, reason, "smtp")
                await handlers.failed(tx, row["id"], row["order_id"], row["kind"], MAIL, version, reason)
            case Unknown():
                await store.changed(tx, row["id"], doubts=1)

    def _client(self) -> aiosmtplib.SMTP:
        settings = self.settings
        return aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            local_hostname=host_of(settings.mail_from),
            timeout=settings.smtp_timeout.total_seconds(),
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=self._tls,
        )


async def _handed_over(client: aiosmtplib.SMTP, sender: str, recipient: str, content: bytes) -> Answer:
    try:
        await _introduce(client, sender, recipient)
    except (SMTPException, OSError) as error:
        return before_content(error)
    try:
        await client.data(content)
    except SMTPResponseException as error:
        return Failed(reason_of(error)) if error.code >= PERMANENT else Wait(reason=reason_of(error))
    except (SMTPException, OSError) as error:
        return Unknown(type(error).__name__)
    return Succeeded()


async def _introduce(client: aiosmtplib.SMTP, sender: str, recipient: str) -> None:
    """Name sender and recipient; a mailbox outside ASCII needs a server that knows of such."""
    if recipient.isascii():
        await client.mail(sender)
        await client.rcpt(recipient)
        return
    if not client.supports_extension("smtputf8"):
        raise SMTPRecipientRefused(553, "5.6.7 this server takes ASCII addresses only", recipient)
    await client.mail(sender, options=["SMTPUTF8", "BODY=8BITMIME"], encoding="utf-8")
    await client.rcpt(recipient, encoding="utf-8")


def before_content(error: Exception) -> Answer:
    """What an error means while the mail has not left yet: their no, or later."""
    if isinstance(error, SMTPRecipientRefused) and error.code >= PERMANENT:
        return Failed(reason_of(error), data=is_bounce(error))
    if isinstance(error, SMTPAuthenticationError) or (
        isinstance(error, SMTPResponseException) and error.code >= PERMANENT
    ):  # a greeting, a login or our sender refused: settings to mend, no mail to drop
        log.warning("the mail server refuses us", extra={"answer": reason_of(error)})
        return Wait(OUR_PAUSE, reason_of(error))
    return Wait(reason=reason_of(error))


def reason_of(error: Exception) -> str:
    """The server's code, without its words: those may name the recipient."""
    if not isinstance(error, SMTPResponseException):
        return type(error).__name__
    status = _STATUS.search(error.message)
    return f"{error.code} {status[0]}" if status else str(error.code)


def is_bounce(error: SMTPResponseException) -> bool:
    """Whether the server says that there is no such mailbox, not merely that it does not want this mail, or is full."""
    status = _STATUS.search(error.message)
    return error.code in NO_MAILBOX and (status is None or status[0].startswith(("5.0.", "5.1.")))
