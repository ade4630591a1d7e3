"""API keys: `ck_<id>_<secret>`. Services copy each key's hash from `key.changed`; nobody keeps a secret."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from libs.contracts.orders import KeyChanged
from libs.events.consumer import Consumer
from libs.events.transaction import Transaction

_FORM = re.compile(r"ck_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made: `text` is shown once, `secret_hash` is kept."""

    text: str
    prefix: str
    secret_hash: str


def new_key(key_id: UUID) -> NewKey:
    """A key of 256 random bits for that row."""
    secret = secrets.token_urlsafe(32)
    return NewKey(f"ck_{key_id.hex}_{secret}", f"ck_{key_id.hex}", hashed(secret))


def hashed(secret: str) -> str:
    """SHA-256 in hex: the secret has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def parsed(text: str) -> tuple[UUID, str] | None:
    """Id and secret of something that looks like a key."""
    match = _FORM.fullmatch(text)
    return (UUID(match[1]), match[2]) if match else None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key as this service knows it."""

    id: UUID
    secret_hash: str
    role: str
    scopes: tuple[str, ...]
    revoked: bool
    expires_at: datetime | None

    def opens_with(self, secret: str) -> bool:
        """Whether this secret is right and the key still valid; takes the same time for every wrong secret."""
        right = hmac.compare_digest(self.secret_hash, hashed(secret))
        return right and not self.revoked and (self.expires_at is None or self.expires_at > datetime.now(UTC))


async def find(sql: "asyncpg.Connection[Any]", key_id: UUID) -> KnownKey | None:
    """The key of that id, if this service was told of it."""
    row = await sql.fetchrow(
        "SELECT id, secret_hash, role, scopes, revoked, expires_at FROM known_key WHERE id = $1", key_id
    )
    return KnownKey(**{**row, "scopes": tuple(row["scopes"])}) if row else None


async def learn(tx: Transaction, event: KeyChanged) -> None:
    """Keep the newest state of a key."""
    await tx.sql.execute(
        """
        INSERT INTO known_key (id, version, name, secret_hash, role, scopes, revoked, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET version = excluded.version, name = excluded.name,
            secret_hash = excluded.secret_hash, role = excluded.role, scopes = excluded.scopes,
            revoked = excluded.revoked, expires_at = excluded.expires_at
        WHERE known_key.version < excluded.version
        """,
        event.id,
        event.version,
        event.name,
        event.secret_hash,
        event.role,
        list(event.scopes),
        event.revoked,
        event.expires_at,
    )


def register(consumer: Consumer) -> None:
    """Make this service's consumer keep its copy of the keys."""
    consumer.on(KeyChanged)(learn)
