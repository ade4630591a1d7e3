"""PayPal-Request-Id: the same key answers with the first call's resource, as it is now."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standins.book import Book, Shelf
from tests.standins.paypal.refusals import malformed, unprocessable

LIVES = {"orders": timedelta(hours=6), "payments": timedelta(days=45)}
LONGEST = 108


class Keys:
    """Keys of successful calls, per family of routes (orders, payments)."""

    def __init__(self, book: Book) -> None:
        self._rows = Shelf(book, "keys")

    def find(self, family: str, key: str, path: str, body: Any) -> tuple[str, str] | None:
        """The resource (shelf, id) of the first call, or None; the key with another request is refused."""
        if len(key) > LONGEST:
            raise malformed("INVALID_STRING_LENGTH", "PayPal-Request-Id", key)
        row = self._rows.get(f"{family}:{key}")
        if row is None or datetime.fromisoformat(row["at"]) + LIVES[family] < datetime.now(UTC):
            return None
        if (row["path"], row["digest"]) != (path, _digest(body)):
            raise unprocessable("PAYPAL_REQUEST_ID_PREVIOUSLY_USED", field="PayPal-Request-Id", value=key)
        return row["shelf"], row["id"]

    def remember(self, family: str, key: str, path: str, body: Any, made: tuple[str, str]) -> None:
        """Tie a key to what its call made."""
        row = {"path": path, "digest": _digest(body), "shelf": made[0], "id": made[1]}
        self._rows[f"{family}:{key}"] = row | {"at": datetime.now(UTC).isoformat()}

    def expire(self, family: str | None) -> int:
        """Forget all keys (of one family), as PayPal does after hours or days; says how many."""
        gone = [name for name in self._rows if family is None or name.startswith(f"{family}:")]
        for name in gone:
            del self._rows[name]
        return len(gone)


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
