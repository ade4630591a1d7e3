"""Every statement about customers."""

from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from services.orders.customers.domain import Candidate, Identity

_LOCK = (
    "SELECT pg_advisory_xact_lock(hashtextextended(k, 0)) FROM unnest($1::text[]) WITH ORDINALITY AS u(k, n) ORDER BY n"
)
_CANDIDATES = """
SELECT customer_id AS id, 'channel' AS by FROM channel_customer WHERE channel = $1 AND external_id = $2
UNION ALL SELECT id, 'email' FROM customer WHERE email_verified AND email = $3 AND $4
UNION ALL (SELECT id, 'phone' FROM customer WHERE phone = $5 ORDER BY id LIMIT 1)
"""
# What was not known is filled in; an e-mail becomes verified only where no other customer has it so.
_LEARN = """
WITH named AS (
    INSERT INTO channel_customer (channel, external_id, customer_id)
    SELECT $7, $8, $1 WHERE $8::text IS NOT NULL ON CONFLICT DO NOTHING
)
INSERT INTO customer (id, version, name, email, email_verified, phone, language) VALUES ($1, 1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET
    version = customer.version + 1,
    name = coalesce(customer.name, excluded.name),
    phone = coalesce(customer.phone, excluded.phone),
    language = coalesce(customer.language, excluded.language),
    email = CASE WHEN customer.email IS NULL OR (excluded.email_verified AND NOT customer.email_verified
                      AND NOT EXISTS (SELECT FROM customer o WHERE o.email_verified AND o.email = excluded.email))
                 THEN excluded.email ELSE customer.email END,
    email_verified = customer.email_verified OR (excluded.email_verified AND excluded.email IS NOT NULL
                      AND NOT EXISTS (SELECT FROM customer o WHERE o.email_verified AND o.email = excluded.email))
"""


async def alone_with(tx: Transaction, identity: Identity) -> None:
    """Wait until no other transaction links the same person."""
    await tx.sql.execute(_LOCK, identity.keys)


async def candidates(tx: Transaction, identity: Identity) -> list[Candidate]:
    """The customers that it may mean."""
    rows = await tx.sql.fetch(
        _CANDIDATES, identity.channel, identity.external_id, identity.email, identity.email_verified, identity.phone
    )
    return [Candidate(row["id"], row["by"]) for row in rows]


async def learn(tx: Transaction, customer_id: UUID, identity: Identity) -> None:
    """Write down a new customer, or what was not known of an old one."""
    await tx.sql.execute(
        _LEARN,
        customer_id,
        identity.name,
        identity.email,
        identity.email_verified and identity.email is not None,
        identity.phone,
        identity.language,
        identity.channel,
        identity.external_id or None,
    )


_READ = """
SELECT id, version, name, email, email_verified, phone, language, created_at,
       coalesce((SELECT jsonb_agg(jsonb_build_object('channel', channel, 'id', external_id)
                                             ORDER BY channel, external_id)
                 FROM channel_customer WHERE customer_id = customer.id), '[]') AS known_as
FROM customer
"""


async def find(tx: Transaction, customer_id: UUID) -> dict[str, Any] | None:
    """A customer with what the channels call them."""
    row = await tx.sql.fetchrow(f"{_READ} WHERE id = $1", customer_id)
    return dict(row) if row else None


async def page(tx: Transaction, email: str | None, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Customers, the oldest first."""
    narrowed = "($1::text IS NULL OR email = $1) AND ($2::uuid IS NULL OR id > $2)"
    rows = await tx.sql.fetch(f"{_READ} WHERE {narrowed} ORDER BY id LIMIT $3", email, after, limit)
    return [dict(row) for row in rows]
