"""The token that opens one order's history to whoever holds its link: signed, not guessable, for a while. Pure.

Who tampers with one, or makes one up, is refused by its signature alone; whether a signed one still opens anything is
written in the order's row, so that it can be revoked.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.orders.settings import Settings

_SECRET, _MAC, _EXPIRY = 16, 16, 4
_BODY = 16 + _EXPIRY + _SECRET
LENGTH = 70
"""Characters of a token: base64url of the order, when it expires, 128 random bits and 128 bits of HMAC-SHA256."""
_LAST = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token with a right signature says."""

    order_id: UUID
    expires_at: datetime


class Links:
    """Signs with the installation's key; without one, which only development allows, with a key that is no secret."""

    def __init__(self, settings: Settings) -> None:
        given = [key.get_secret_value() for key in (settings.link_key, settings.link_key_before) if key is not None]
        self._keys = [_key(text) for text in given or ["development"]]

    def make(self, order_id: UUID, expires_at: datetime) -> str:
        """A new token for an order; no two are alike."""
        expiry = min(int(expires_at.timestamp()), _LAST).to_bytes(_EXPIRY, "big")
        body = order_id.bytes + expiry + secrets.token_bytes(_SECRET)
        return base64.urlsafe_b64encode(body + _mac(self._keys[0], body)).decode()[:LENGTH]

    def read(self, token: str) -> Ticket | None:
        """What a token of ours says; None for anything else. Every wrong signature takes as long."""
        if len(token) != LENGTH or not token.isascii():
            return None
        try:
            raw = base64.b64decode(f"{token}==", altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        body, mac = raw[:_BODY], raw[_BODY:]
        fits = [hmac.compare_digest(_mac(key, body), mac) for key in self._keys]
        if not any(fits):
            return None
        expiry = int.from_bytes(body[16 : 16 + _EXPIRY], "big")
        return Ticket(UUID(bytes=body[:16]), datetime.fromtimestamp(expiry, UTC))


def same(kept: str | None, given: str) -> bool:
    """Whether this is the token that the order's row keeps; how long that takes says nothing."""
    return kept is not None and hmac.compare_digest(kept.encode(), given.encode())


def _key(text: str) -> bytes:
    return hashlib.sha256(b"comanda tracking link " + text.encode()).digest()


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_MAC]
