"""PayPal's signing certificates: fetched only from where they may be, believed only through our own trust store."""

import asyncio
import re
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import certifi
import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

MOST_BYTES = 64 * 1024
WITHIN = 5.0
FAILURE_STANDS = 30.0
MOST_KEPT = 64
T = TypeVar("T")
_PATH = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]{1,200}")


class Refused(Exception):  # noqa: N818 - what happened to the delivery
    """The delivery is not PayPal's; `reason` is a short word for the metrics."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unfetchable(Exception):  # noqa: N818 - what happened, not a bug
    """The certificate cannot be had now: nobody can say yet whose the delivery is."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate that was believed, and until when it may be."""

    key: rsa.RSAPublicKey
    not_before: datetime
    not_after: datetime


def checked_url(url: str, hosts: Sequence[str]) -> str:
    """The URL, if a certificate of PayPal's may be there: https, a host that our settings name, its path, no more."""
    if not url.isascii() or len(url) > 500 or any(char in url for char in "\\%?#@\t\r\n "):  # noqa: PLR2004 - long enough
        raise Refused("cert_url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("cert_url") from None
    name = (parts.hostname or "").lower()
    place = name if port in (None, 443) else f"{name}:{port}"
    if parts.scheme != "https" or place not in {host.lower() for host in hosts}:
        raise Refused("cert_host")
    if not _PATH.fullmatch(parts.path):
        raise Refused("cert_path")
    return url


@dataclass
class Certificates:
    """Signers by URL. One download at a time for a URL; what failed is not asked again for half a minute."""

    hosts: Sequence[str]
    names: Sequence[str]
    trust_store: Path | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _kept: OrderedDict[str, Signer] = field(default_factory=OrderedDict)
    _failed: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _running: dict[str, "asyncio.Task[Signer]"] = field(default_factory=dict)

    async def signer(self, url: str) -> Signer:
        """Whose certificate that is: Refused when it must not be believed, Unfetchable when it cannot be had."""
        checked_url(url, self.hosts)
        kept = self._kept.get(url)
        if kept is not None:
            if not kept.not_before <= self.now() <= kept.not_after:
                raise Refused("cert_expired")
            return kept
        if time.monotonic() - self._failed.get(url, float("-inf")) < FAILURE_STANDS:
            raise Unfetchable("tried a moment ago")
        task = self._running.get(url)
        if task is None:
            task = self._running[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda done: self._finished(url, done))
        return await asyncio.shield(task)

    def _finished(self, url: str, task: "asyncio.Task[Signer]") -> None:
        self._running.pop(url, None)
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            _keep(self._kept, url, task.result())
        elif isinstance(error, Unfetchable):
            _keep(self._failed, url, time.monotonic())

    async def _fetch(self, url: str) -> Signer:
        return self.believed(await self._download(url))

    async def _download(self, url: str) -> bytes:
        context = await asyncio.to_thread(ssl.create_default_context, cafile=self._roots())
        found = b""
        try:
            async with (
                asyncio.timeout(WITHIN),
                httpx.AsyncClient(verify=context, follow_redirects=False, trust_env=False, timeout=WITHIN) as http,
                http.stream("GET", url) as reply,
            ):
                if reply.status_code != httpx.codes.OK:
                    raise Unfetchable(f"{reply.status_code}")
                async for chunk in reply.aiter_bytes():
                    found += chunk
                    if len(found) > MOST_BYTES:
                        raise Unfetchable("too large")
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unfetchable(type(error).__name__) from error
        return found

    def _roots(self) -> str:
        return str(self.trust_store) if self.trust_store else certifi.where()

    def believed(self, pem: bytes) -> Signer:
        """The signer of a PEM chain: trusted, valid now, of a name PayPal signs with, RSA. Refused otherwise."""
        try:
            leaf, *above = x509.load_pem_x509_certificates(pem)
        except ValueError:
            raise Refused("cert_unreadable") from None
        now = self.now()
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            raise Refused("cert_expired")
        if not any(self._trusts(leaf, above, name, now) for name in self.names):
            raise Refused("cert_untrusted")
        key = leaf.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Refused("cert_key")
        return Signer(key, leaf.not_valid_before_utc, leaf.not_valid_after_utc)

    def _trusts(self, leaf: x509.Certificate, above: list[x509.Certificate], name: str, now: datetime) -> bool:
        roots = x509.load_pem_x509_certificates(Path(self._roots()).read_bytes())
        verifier = PolicyBuilder().store(Store(roots)).time(now).build_server_verifier(x509.DNSName(name))
        try:
            verifier.verify(leaf, above)
        except VerificationError:
            return False
        return True


def _keep(kept: "OrderedDict[str, T]", url: str, value: T) -> None:
    kept[url] = value
    kept.move_to_end(url)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
