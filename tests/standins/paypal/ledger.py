"""The account: its shelves of resources, their ids and links, and what every room of the stand-in needs."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.standins.book import Book, Shelf
from tests.standins.misbehave import Mischief
from tests.standins.paypal.refusals import not_found

Row = dict[str, Any]
Tell = Callable[[str, str, Row], object]
ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXY"


class Account:
    """One merchant's account: orders, authorizations, captures and refunds, each row a resource as PayPal shows it.

    Members whose name starts with ``_`` are ours and never shown. ``tell(type, kind, resource)`` sends a webhook.
    """

    def __init__(self, book: Book, mischief: Mischief, tell: Tell) -> None:
        self.book, self.mischief, self.tell = book, mischief, tell
        self.base = ""
        self.orders = Shelf(book, "orders")
        self.authorizations = Shelf(book, "authorizations")
        self.captures = Shelf(book, "captures")
        self.refunds = Shelf(book, "refunds")
        self._invoices = {row["invoice_id"] for row in self.captures.values() if row.get("invoice_id")}

    def shelf(self, name: str) -> Shelf:
        """orders, authorizations, captures or refunds."""
        found = getattr(self, name)
        assert isinstance(found, Shelf)
        return found

    def get(self, name: str, resource_id: str) -> Row:
        """A row to read or change (set it back then), or a 404."""
        row = self.shelf(name).get(resource_id)
        if row is None:
            raise not_found()
        return dict(row)

    def invoice_is_taken(self, invoice_id: str | None) -> bool:
        """Whether a capture under this invoice number was ever made."""
        return invoice_id in self._invoices

    def take_invoice(self, invoice_id: str | None) -> None:
        """No later capture may carry this number."""
        if invoice_id:
            self._invoices.add(invoice_id)

    def link(self, rel: str, path: str, method: str = "GET") -> dict[str, str]:
        """A link of a resource."""
        return {"href": f"{self.base}{path}", "rel": rel, "method": method}


def public(row: Row) -> Row:
    """The row as PayPal shows it."""
    return {name: value for name, value in row.items() if not name.startswith("_")}


def new_id() -> str:
    """17 characters, as PayPal's ids."""
    return "".join(secrets.choice(ALPHABET) for _ in range(17))


def now() -> str:
    """RFC 3339, seconds, Z."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
