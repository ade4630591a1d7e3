"""A message as the bytes of a mail: text and HTML, headers that nobody can write into."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from services.notifications.domain import address_of, message_id
from services.notifications.store import Row
from services.notifications.wording import one_line


def host_of(address: str) -> str:
    """The domain that a Message-ID is made in."""
    return address.rpartition("@")[2].lower()


def mail_of(row: Row, mail_from: str) -> tuple[str, str, bytes]:
    """Envelope sender, recipient and content; the same bytes whenever it is sent. ValueError where one is no address.

    Sent for the channel's own address where it has one; what bounces comes back to ours.
    """
    recipient, bounces = address_of(row["recipient"]), address_of(mail_from)
    if recipient is None or bounces is None:
        raise ValueError("no e-mail address")
    sender = address_of(row["sender"] or "") or bounces
    mail = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
    mail["From"] = _mailbox(sender if sender.isascii() else bounces, one_line(row["sender_name"]))
    mail["To"] = _mailbox(recipient)
    mail["Subject"] = one_line(row["subject"])
    mail["Date"] = format_datetime(_second(row["created_at"]))
    mail["Message-ID"] = message_id(row["cause"], row["kind"], row["recipient"], host_of(bounces))
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail.set_content(row["text"], cte="quoted-printable")
    mail.add_alternative(row["html"], subtype="html", cte="quoted-printable")
    mail["Content-Language"] = one_line(row["language"])
    mail.set_boundary(f"=_{row['cause'].hex}")
    return bounces, recipient, mail.as_bytes()


def _mailbox(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
