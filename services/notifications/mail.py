"""A message as the bytes of a mail: text and HTML, headers that nobody can write into."""

import re
from datetime import datetime
from email.headerregistry import Address
from email.policy import SMTP, SMTPUTF8, EmailPolicy
from email.quoprimime import body_encode
from email.utils import format_datetime
from functools import lru_cache
from typing import Any

from services.notifications.domain import address_of, message_id
from services.notifications.figures import one_line
from services.notifications.store import Row

LINE = 78  # characters of a mail's line
_CODED = "Content-Transfer-Encoding: quoted-printable\r\n"
_PLAIN = re.compile(r"[\w+-]+(\.[\w+-]+)*@[\w-]+(\.[\w-]+)*", re.ASCII)
PARTS = {
    "plain": f'Content-Type: text/plain; charset="utf-8"\r\n{_CODED}',
    "html": f'Content-Type: text/html; charset="utf-8"\r\n{_CODED}MIME-Version: 1.0\r\n',
}
"""The headers of each part, as the standard library writes them."""


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
    policy = SMTP if recipient.isascii() else SMTPUTF8
    boundary = f"=_{row['cause'].hex}"
    parts = (("plain", row["text"]), ("html", row["html"]))
    content = [
        _address("From", sender if sender.isascii() else bounces, one_line(row["sender_name"]), policy),
        _address("To", recipient, "", policy),
        _header("Subject", one_line(row["subject"]), policy),
        _header("Date", format_datetime(_second(row["created_at"])), policy),
        _header("Message-ID", message_id(row["cause"], row["kind"], row["recipient"], host_of(bounces)), policy),
        b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\nMIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n'.encode(),
        _header("Content-Language", one_line(row["language"]), policy),
        *(f"\r\n--{boundary}\r\n".encode() + _part(subtype, text) for subtype, text in parts),
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    return bounces, recipient, b"".join(content)


def _header(name: str, value: str, policy: "EmailPolicy[Any]") -> bytes:
    """A header's line or lines; what needs neither folding nor encoding is written as it is."""
    if value and value.isascii() and value.isprintable() and len(name) + 2 + len(value) <= LINE and "=?" not in value:
        return f"{name}: {value}\r\n".encode()
    return policy.fold_binary(name, policy.header_factory(name, value))


@lru_cache(256)
def _address(name: str, address: str, called: str, policy: "EmailPolicy[Any]") -> bytes:
    """An address's header; one that is all letters, figures, dots and dashes is written as it is."""
    if not called and len(name) + 2 + len(address) <= LINE and _PLAIN.fullmatch(address):
        return f"{name}: {address}\r\n".encode()
    return policy.fold_binary(name, policy.header_factory(name, _mailbox(address, called)))


def _part(subtype: str, text: str) -> bytes:
    lines = b"\n".join(text.encode().splitlines()).decode("latin-1") + "\n"
    body = body_encode(lines, LINE).replace("\n", "\r\n")
    return f"{PARTS[subtype]}\r\n{body}".encode("ascii")


def _mailbox(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
