"""Mails as they arrived: raw, and as a person would read them."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from typing import Any

from tests.standins.book import Book, Shelf

Row = dict[str, Any]


class Mailbox:
    """Every mail that was accepted, numbered from 1; nothing is forgotten unless asked."""

    def __init__(self, book: Book) -> None:
        self.book, self._mails = book, Shelf(book, "mails")
        self._next = max((int(number) for number in self._mails), default=0) + 1

    def add(self, sender: str, recipients: list[str], raw: bytes) -> Row:
        """Take a mail in."""
        headers = heads(raw)
        row: Row = {
            "n": self._next,
            "at": datetime.now(UTC).isoformat(),
            "from": sender,
            "to": recipients,
            "subject": first(headers, "subject"),
            "message_id": first(headers, "message-id"),
            "headers": headers,
            "raw": raw.decode("latin-1"),
        }
        self._mails[str(self._next)] = row
        self._next += 1
        facts = {name: row[name] for name in ("to", "subject", "message_id")}
        self.book.did("mail", **facts, number=row["n"], sender=sender)
        return row

    def list(self, *, to: str | None = None, subject: str | None = None, message_id: str | None = None) -> list[Row]:
        """Mails without their bodies, oldest first, filtered."""
        return [
            {name: value for name, value in row.items() if name != "raw"}
            for row in self._mails.values()
            if (to is None or to in row["to"])
            and (subject is None or subject in row["subject"])
            and message_id in (None, row["message_id"])
        ]

    def raw(self, number: str) -> bytes | None:
        """The bytes of a mail."""
        row = self._mails.get(number)
        return row["raw"].encode("latin-1") if row else None

    def clear(self) -> int:
        """Throw all mails away (the book keeps that they came)."""
        gone = len(self._mails)
        for number in self._mails:
            del self._mails[number]
        return gone


def heads(raw: bytes) -> list[list[str]]:
    """Name and value of each header; what is coded, folded or foreign is read by the modern policy, all else stands."""
    end = raw.find(b"\r\n\r\n")
    given = email.message_from_bytes(raw if end < 0 else raw[: end + 4])
    return [[name, _read(name, value)] for name, value in given.raw_items()]


def _read(name: str, value: str) -> str:
    plain = value.isascii() and value.isprintable() and "=?" not in value
    return value if plain else str(email.policy.default.header_fetch_parse(name, value))


def first(headers: list[list[str]], name: str) -> str:
    """A header's value by its name in small letters; empty when there is none."""
    return next((value for known, value in headers if known.lower() == name), "")


def parsed(raw: bytes) -> EmailMessage:
    """The mail by the modern policy of the standard library."""
    return email.message_from_bytes(raw, policy=email.policy.default)


def body(message: EmailMessage, kind: str) -> str:
    """The plain or html part, decoded; empty when there is none."""
    part = message.get_body(preferencelist=(kind,))
    content = part.get_content() if part is not None else ""
    return content if isinstance(content, str) else ""


def index(rows: list[Row]) -> str:
    """A page that lists mails, newest first."""
    lines = "".join(
        f"<tr><td>{row['n']}</td><td>{escape(row['at'][:19])}</td><td>{escape(', '.join(row['to']))}</td>"
        f"<td><a href='/messages/{row['n']}/view'>{escape(row['subject']) or '(no subject)'}</a></td></tr>"
        for row in reversed(rows)
    )
    return _page("Mails", f"<table cellpadding='4'>{lines}</table><p>{len(rows)} mails</p>")


def view(number: str, raw: bytes) -> str:
    """A page that shows one mail: headers, its HTML in a frame that runs nothing, its text."""
    message = parsed(raw)
    heads = "".join(
        f"<tr><th align='left'>{name}</th><td>{escape(str(message.get(name, '')))}</td></tr>"
        for name in ("From", "To", "Subject", "Date", "Message-ID")
    )
    html, text = body(message, "html"), body(message, "plain")
    frame = f"<iframe sandbox srcdoc='{escape(html)}' style='width:100%;height:30em'></iframe>" if html else ""
    attached = "".join(f"<li>{escape(part.get_filename() or '?')}</li>" for part in message.iter_attachments())
    return _page(
        f"Mail {number}",
        f"<table>{heads}</table>{frame}<pre style='white-space:pre-wrap'>{escape(text)}</pre><ul>{attached}</ul>"
        f"<p><a href='/messages/{number}'>raw</a> · <a href='/'>all</a></p>",
    )


def _page(title: str, content: str) -> str:
    style = "font-family:sans-serif;max-width:60em;margin:1em auto"
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<body style='{style}'><h1>{escape(title)}</h1>{content}</body></html>"
    )
