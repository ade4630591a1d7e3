"""Couriers' credentials and callback secrets are sealed before they reach the database."""

import base64
import hashlib
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.shipping.settings import Settings


class SealBrokenError(Exception):
    """What the database holds was sealed with another SHIPPING_SECRETS_KEY."""


class Seal:
    """Seals with the installation's key; without one, which only development allows, with a key that is no secret."""

    def __init__(self, settings: Settings) -> None:
        given = settings.secrets_key.get_secret_value() if settings.secrets_key else "development"
        before = settings.secrets_key_before
        self._newest = _fernet(given)
        self._fernet = MultiFernet([self._newest, *([_fernet(before.get_secret_value())] if before else ())])

    def close(self, content: Any) -> bytes:
        """Seal anything JSON is made of."""
        return self._fernet.encrypt(json.dumps(content).encode())

    def open(self, sealed: bytes | None) -> Any:
        """What was sealed; SealBrokenError when the key is another."""
        if sealed is None:
            return {}
        try:
            return json.loads(self._fernet.decrypt(bytes(sealed)))
        except InvalidToken as error:
            raise SealBrokenError("sealed with another SHIPPING_SECRETS_KEY") from error

    def renewed(self, sealed: bytes | None) -> bytes | None:
        """The same, sealed with the newest key; unchanged when it is already."""
        if sealed is None:
            return None
        try:
            self._newest.decrypt(bytes(sealed))
        except InvalidToken:
            return self.close(self.open(sealed))
        return bytes(sealed)


def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"comanda shipping " + key.encode()).digest()))
