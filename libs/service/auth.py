"""Who is calling: a bearer JWT of the configured issuer, an API key, or in development mode a key of `make run`."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import jwt

from libs.events.transaction import UnitOfWork
from libs.service import keys
from libs.service.problems import Unauthenticated
from libs.service.roles import scopes_of
from libs.service.settings import ServiceSettings

log = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256", "EdDSA")
KEY_TYPES = ("RSA", "EC", "OKP")
LEEWAY = 30  # seconds that clocks may differ
JWKS_FRESH = 600.0  # seconds until the issuer's keys are fetched again
JWKS_RETRY = 30.0  # seconds between fetches for an unknown kid or after a failure
KEY_FRESH = 15.0  # seconds an API key is remembered: a revoked one works no longer than this
REMEMBERED = 2048


@dataclass(frozen=True, slots=True)
class Principal:
    """Who acts. `kind` is user, key, customer or public; `actor` is how facts and audit name them."""

    kind: str
    id: str
    scopes: frozenset[str] = frozenset()
    customer_id: UUID | None = None

    @property
    def actor(self) -> str:
        """As `ce_actor` carries it."""
        return f"{self.kind}:{self.id}"


PUBLIC = Principal("public", "anonymous")


@dataclass(frozen=True, slots=True)
class _Proven:
    """A token whose signature and claims were found right: whose it is, by which key, and until when."""

    principal: Principal
    kid: str | None
    key: jwt.PyJWK
    expires: int


@dataclass
class Authentication:
    """Turns what stands in `Authorization` or `X-API-Key` into a principal; anything doubtful is Unauthenticated."""

    settings: ServiceSettings
    uow: UnitOfWork
    http: httpx.AsyncClient
    _jwks: "Jwks" = field(init=False)
    _known: dict[UUID, tuple[float, keys.KnownKey | None]] = field(init=False, default_factory=dict)
    _proven: dict[bytes, _Proven] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._jwks = Jwks(self.settings, self.http)

    async def principal(self, credential: str) -> Principal:
        """Who holds this credential."""
        if (found := self._development(credential)) is not None:
            return found
        if (pair := keys.parsed(credential)) is not None:
            return await self._by_key(*pair)
        if self.settings.auth_issuer and credential.count(".") == 2:  # noqa: PLR2004 - a JWT has three parts
            return await self._by_token(credential)
        raise Unauthenticated

    def _development(self, credential: str) -> Principal | None:
        found = None
        for role, secret in self.settings.auth_development_keys.items():
            if hmac.compare_digest(secret.get_secret_value().encode(), credential.encode("utf-8", "surrogateescape")):
                found = Principal("key", f"development-{role}", scopes_of([role]))
        return found

    async def _by_key(self, key_id: UUID, secret: str) -> Principal:
        at, known = self._known.get(key_id, (0.0, None))
        if known is None or time.monotonic() - at > KEY_FRESH:
            async with self.uow.engine.connect() as connection:
                raw = (await connection.get_raw_connection()).driver_connection
                known = await keys.find(raw, key_id)
            if known is not None:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[key_id] = (time.monotonic(), known)
        if known is None or not known.opens_with(secret):
            raise Unauthenticated
        return Principal("key", str(known.id), scopes_of([known.role], known.scopes))

    async def _by_token(self, token: str) -> Principal:
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        try:
            if (proven := self._proven.get(digest)) is not None and await self._still(proven):
                return proven.principal
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._jwks.key(kid)
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.settings.auth_audience,
                issuer=self.settings.auth_issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
            proven = _Proven(of_claims(claims), kid, key, int(claims["exp"]))
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            log.info("a token was refused", extra={"why": type(error).__name__})
            raise Unauthenticated from error
        if len(self._proven) >= REMEMBERED:
            self._proven.clear()
        self._proven[digest] = proven
        return proven.principal

    async def _still(self, proven: _Proven) -> bool:
        """Whether a token once proven still is: in time, and by a key that its issuer has not taken back or renewed."""
        return proven.expires > time.time() - LEEWAY and await self._jwks.key(proven.kid) is proven.key


def of_claims(claims: Mapping[str, Any]) -> Principal:
    """The principal a verified token speaks for; ValueError when the claims make no sense."""
    given = claims.get("roles", claims.get("role", ()))
    roles = given.split() if isinstance(given, str) else [str(role) for role in _listed(given)]
    scope = claims.get("scope", "")
    scopes = scopes_of(roles, scope.split() if isinstance(scope, str) else map(str, _listed(scope)))
    subject = str(claims["sub"])
    if not subject.isprintable() or len(subject) > 200:  # noqa: PLR2004 - it becomes part of every fact
        raise ValueError("sub")
    if "customer" in roles or "customer_id" in claims:
        customer = UUID(str(claims["customer_id"])) if "customer_id" in claims else None
        if customer is None:
            raise ValueError("a customer without customer_id")
        return Principal("customer", str(customer), scopes_of(["customer"]), customer)
    return Principal("user", subject, scopes)


def _listed(given: object) -> Iterable[Any]:
    if not isinstance(given, list | tuple):
        raise TypeError("roles and scopes are lists or text")
    return given


class Jwks:
    """The issuer's public keys by `kid`; fetched when needed, again every ten minutes, bounded for unknown kids."""

    def __init__(self, settings: ServiceSettings, http: httpx.AsyncClient) -> None:
        self._settings = settings
        self._http = http
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched = self._tried = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str | None) -> jwt.PyJWK:
        """The key of that id, or the only key there is when the token names none; InvalidKeyError otherwise."""
        now = time.monotonic()
        if (kid not in self._keys or now - self._fetched > JWKS_FRESH) and now - self._tried > JWKS_RETRY:
            async with self._lock:
                if time.monotonic() - self._tried > JWKS_RETRY:
                    self._tried = time.monotonic()
                    await self._fetch()
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        if kid not in self._keys:
            raise jwt.InvalidKeyError("unknown kid")
        return self._keys[kid]

    async def _fetch(self) -> None:
        """Replace the keys; when the issuer cannot be asked, the old ones stay."""
        try:
            if self._settings.auth_jwks_file is not None:
                given = json.loads(self._settings.auth_jwks_file.read_bytes())
            else:
                reply = await self._http.get(str(self._settings.auth_jwks_url), timeout=5)
                given = reply.raise_for_status().json()
            found = {jwk.get("kid"): jwt.PyJWK(jwk) for jwk in given["keys"] if jwk.get("kty") in KEY_TYPES}
        except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError, AttributeError, jwt.PyJWTError):
            log.warning("the issuer's keys could not be read", exc_info=True)
            return
        self._keys, self._fetched = found, time.monotonic()
