"""Is this delivery PayPal's? Decided offline, over the raw bytes, before anything in them is read."""

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from services.payments.webhooks.certificates import Certificates, Refused

ALGORITHM = "SHA256withRSA"
AHEAD = timedelta(minutes=5)
HEADERS = (
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-transmission-sig",
    "paypal-cert-url",
    "paypal-auth-algo",
)
LONGEST_HEADER = 2000


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown: the five headers, and when the delivery says it was sent."""

    headers: dict[str, str]
    sent_at: datetime

    @property
    def delivery_id(self) -> str:
        """PayPal's name of the delivery."""
        return self.headers["paypal-transmission-id"]


@dataclass
class Verifier:
    """Verifies deliveries to one webhook of ours; its id comes from our settings, never from a request."""

    webhook_id: str
    certificates: Certificates

    async def verify(self, headers: Mapping[str, str], body: bytes) -> Proof:
        """Refused when the delivery is not PayPal's to this webhook; Unfetchable when that cannot be known now."""
        given = {name: headers.get(name, "") for name in HEADERS}
        if not self.webhook_id:
            raise Refused("not_configured")
        if not all(given.values()) or any(len(value) > LONGEST_HEADER for value in given.values()):
            raise Refused("headers")
        if given["paypal-auth-algo"] != ALGORITHM:
            raise Refused("algorithm")
        sent_at = _moment(given["paypal-transmission-time"])
        if sent_at > self.certificates.now() + AHEAD:
            raise Refused("future")
        try:
            signature = base64.b64decode(given["paypal-transmission-sig"], validate=True)
        except binascii.Error:
            raise Refused("signature") from None
        signer = await self.certificates.signer(given["paypal-cert-url"])
        transmission = f"{given['paypal-transmission-id']}|{given['paypal-transmission-time']}"
        message = f"{transmission}|{self.webhook_id}|{zlib.crc32(body) & 0xFFFFFFFF}"
        try:
            signer.key.verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refused("signature") from None
        return Proof(given, sent_at)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
