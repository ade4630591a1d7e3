"""A mail's headers: nobody writes into them, and the same letter is the same mail."""

import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from libs.events.transaction import new_id
from services.notifications import domain
from services.notifications.mail import mail_of
from services.notifications.settings import Settings

CAUSE = UUID("01900000-0000-7000-8000-000000000001")
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "Content-Language", "Auto-Submitted", "X-Auto-Response-Suppress",
    "MIME-Version", "Content-Type",
]  # fmt: skip


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": new_id(), "cause": CAUSE, "kind": "paid", "recipient": "ana@example.org", "language": "ro",
        "sender": None, "sender_name": "Prăvălia", "subject": "Am primit plata", "text": "Bună ziua\n",
        "html": "<p>Bună ziua</p>\n", "created_at": datetime(2026, 11, 22, 10, 0, 0, 123, tzinfo=UTC),
    } | more  # fmt: skip


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_string(content.decode(), policy=email.policy.default)


def test_a_mail_has_text_and_html_and_says_who_sends_it() -> None:
    bounces, recipient, content = mail_of(row(sender="shop@pravalia.example"), "mails@pravalia.example")
    mail = parsed(content)
    assert (bounces, recipient) == ("mails@pravalia.example", "ana@example.org")
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert (str(mail["From"]), mail["To"]) == ("Prăvălia <shop@pravalia.example>", "ana@example.org")
    assert re.fullmatch(r"<[0-9a-f-]{36}@pravalia\.example>", mail["Message-ID"])
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    assert [part.get_content() for part in parts if part] == ["Bună ziua\r\n", "<p>Bună ziua</p>\r\n"]
    assert max(map(len, content.splitlines())) <= 998


def test_only_a_reader_outside_ascii_makes_a_mail_that_needs_such_a_server() -> None:
    _, recipient, content = mail_of(row(recipient="ștefan@example.org"), "mails@pravalia.example")
    assert recipient == parsed(content)["To"] == "ștefan@example.org"
    bounces, _, content = mail_of(row(sender="ștefan@pravalia.example"), "mails@pravalia.example")
    assert content.isascii()
    assert parsed(content)["From"].addresses[0].addr_spec == bounces


def test_the_same_message_is_the_same_mail_whenever_it_is_sent() -> None:
    once, again, other = row(), row(), row(cause=new_id())
    assert mail_of(once, "a@example.org")[2] == mail_of(again, "a@example.org")[2]
    ids = {parsed(mail_of(each, "a@example.org")[2])["Message-ID"] for each in (once, row(kind="shipped"), other)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    "text",
    ["", "ana", "ana@", "@example.org", "a b@example.org", "ana@example.org\r\nBcc: x@example.org", "ana@exa\nmple.org",
     "ana@example.org, x@example.org", "<ana@example.org>", "a@b@example.org", ".ana@example.org", "a..b@example.org",
     "ana@-example.org", "ana@example..org", "ana@example.org\0", "ana@example.org\u2028", "ana@" + "x" * 300,
     'a"b@example.org', "ana@example.org;x", "x" * 65 + "@example.org"],
)  # fmt: skip
def test_what_is_no_mailbox_gets_no_mail(text: str) -> None:
    assert domain.address_of(text) is None
    with pytest.raises(ValueError, match="address"):
        mail_of(row(recipient=text), "mails@pravalia.example")


@pytest.mark.parametrize(
    ("text", "address"),
    [("Ana.Pop+x@Example.ORG", "Ana.Pop+x@example.org"), ("ana@prăvălia.ro", "ana@xn--prvlia-j0ab.ro"),
     ("ștefan@example.org", "ștefan@example.org"), ("root@localhost", "root@localhost")],
)  # fmt: skip
def test_a_mailbox_is_taken_as_it_is_its_domain_in_ascii(text: str, address: str) -> None:
    assert domain.address_of(text) == address


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(ANYTHING, ANYTHING, st.one_of(ANYTHING, ANYTHING.map(lambda text: f"{text}@example.org"), st.emails()))
def test_nobody_writes_a_header_of_his_own(subject: str, shop: str, recipient: str) -> None:
    evil = f"{subject}\r\nBcc: thief@example.org\r\n\r\n<script>"
    given_row = row(subject=evil, sender_name=f"{shop}\nBcc: thief@example.org", recipient=recipient, sender=recipient)
    try:
        _, to, content = mail_of(given_row, "mails@pravalia.example")
    except ValueError:
        assert domain.address_of(recipient) is None
        return
    mail = parsed(content)
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert not re.search(rb"(?im)^bcc:", content.partition(b"\r\n\r\n")[0])
    assert len(mail["To"].addresses) == len(mail["From"].addresses) == 1
    assert mail["To"].addresses[0].addr_spec == to


def settings(**more: Any) -> Settings:
    given = {"database_url": "postgresql://a:b@h/d", "events_bus": "postgresql://a:b@h/e", "mode": "development"}
    return Settings(**(given | more))


@pytest.mark.parametrize(
    ("given_settings", "said"),
    [({"mail_from": "nobody"}, "MAIL_FROM"), ({"mail_from": "ș@b.example"}, "MAIL_FROM"),
     ({"smtp_username": "x"}, "SMTP_PASSWORD"),
     ({"smtp_username": "x", "smtp_password": SecretStr("y"), "smtp_host": "mail.example"}, "SMTP_TLS"),
     ({"mode": "production"}, "NOTIFICATIONS_MAIL_FROM"),
     ({"mode": "production", "mail_from": "a@b.example", "smtp_host": "mail.example"}, "NOTIFICATIONS_SMTP_TLS"),
     ({"mode": "production", "public_tracking_url": "http://a.example"}, "NOTIFICATIONS_PUBLIC_TRACKING_URL"),
     ({"mode": "production", "sms": "generic", "sms_url": "http://a.example"}, "NOTIFICATIONS_SMS_URL"),
     ({"sms": "generic"}, "SMS_URL"), ({"sms": "twilio", "sms_account": "AC1"}, "SMS_ACCOUNT"),
     ({"sms_yes": "("}, "SMS_YES")],
)  # fmt: skip
def test_settings_that_cannot_be_right_stop_the_start(given_settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(**given_settings)


def test_production_starts_with_a_sender_and_tls() -> None:
    settings(mode="production", mail_from="a@b.example", smtp_host="mail.example", smtp_tls="starttls")
