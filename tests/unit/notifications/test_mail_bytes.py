"""A mail's bytes are those that the standard library writes, which takes five times as long."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.domain import address_of, message_id
from services.notifications.figures import one_line
from services.notifications.mail import host_of, mail_of

FROM = "mails@pravalia.example"
CAUSE = UUID("01900000-0000-7000-8000-000000000001")
WORDS = st.text(st.characters(codec="utf-8"), max_size=200)


def row(**more: Any) -> dict[str, Any]:
    return {
        "cause": CAUSE, "kind": "paid", "recipient": "ana@example.org", "language": "ro", "sender": None,
        "sender_name": "Prăvălia", "subject": "Am primit plata", "text": "Bună ziua\n", "html": "<p>Bună ziua</p>\n",
        "created_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
    } | more  # fmt: skip


def by_the_library(given: dict[str, Any]) -> bytes:
    to, bounces = address_of(given["recipient"]), FROM
    assert to is not None
    sender = address_of(given["sender"] or "") or bounces
    mail = EmailMessage(policy=SMTP if to.isascii() else SMTPUTF8)
    for name, address, called in (
        ("From", sender if sender.isascii() else bounces, one_line(given["sender_name"])),
        ("To", to, ""),
    ):
        local, _, domain = address.rpartition("@")
        mail[name] = Address(display_name=called, username=local, domain=domain)
    mail["Subject"] = one_line(given["subject"])
    mail["Date"] = format_datetime(given["created_at"])
    mail["Message-ID"] = message_id(given["cause"], given["kind"], given["recipient"], host_of(bounces))
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    mail.set_content(given["text"], cte="quoted-printable")
    mail.add_alternative(given["html"], subtype="html", cte="quoted-printable")
    mail["Content-Language"] = one_line(given["language"])
    mail.set_boundary(f"=_{given['cause'].hex}")
    return mail.as_bytes()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"recipient": "ștefan@example.org", "subject": "Ți-am trimis"},
        {"sender": "shop@pravalia.example", "sender_name": 'Bob, "the" <shop>'},
        {"sender_name": "", "subject": ""},
        {"subject": "a long one without any other letters " * 5},
        {"subject": "ă" * 150},
        {"subject": "=?utf-8?q?not_a_word?="},
        {"recipient": f"{'a' * 60}@{'b' * 60}.example"},
        {"recipient": "o'hara+x=1@example.org"},
        *({"subject": "words " * 11 + "x" * n, "recipient": f"{'a' * (59 + n)}@example.org"} for n in (3, 4)),
        {"text": "", "html": ""},
        {"text": "a\r\nb\rc\n\n", "html": f"<p>{'long ' * 50}</p>"},
        {"text": "trailing blanks  \n.\n..dots\nFrom here\n=3D\t\n"},
    ],
)
def test_they_are_the_same_bytes(more: dict[str, Any]) -> None:
    assert mail_of(row(**more), FROM)[2] == by_the_library(row(**more))


@settings(max_examples=150, deadline=None)
@given(subject=WORDS, called=WORDS, text=WORDS, html=WORDS)
def test_they_are_the_same_bytes_whatever_stands_in_them(subject: str, called: str, text: str, html: str) -> None:
    given_row = row(subject=subject, sender_name=called, text=text, html=html)
    assert mail_of(given_row, FROM)[2] == by_the_library(given_row)
