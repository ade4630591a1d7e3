"""Every statement about customers."""

import json
from datetime import datetime
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
SELECT id, version, name, email, email_verified, phone, language, created_at, by_mail, by_sms, erased_at,
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


async def alone_with_customer(tx: Transaction, customer_id: UUID) -> dict[str, Any] | None:
    """A customer, locked, once nobody else is linking an order to them; None when there is none."""
    row = await find(tx, customer_id)
    if row is None:
        return None
    keys = [f"id {known['channel']} {known['id']}" for known in _known_as(row["known_as"])]
    keys += [f"{what} {row[what]}" for what in ("email", "phone") if row[what]]
    await tx.sql.execute(_LOCK, sorted(keys))
    return await locked(tx, customer_id)


def _known_as(found: Any) -> list[dict[str, str]]:
    names: list[dict[str, str]] = json.loads(found) if isinstance(found, str) else found
    return names


async def locked(tx: Transaction, customer_id: UUID) -> dict[str, Any] | None:
    """A customer, locked."""
    await tx.sql.execute("SELECT FROM customer WHERE id = $1 FOR UPDATE", customer_id)
    return await find(tx, customer_id)


async def running_orders(tx: Transaction, customer_id: UUID, limit: int) -> list[dict[str, Any]]:
    """Their orders that have not ended, the oldest first."""
    rows = await tx.sql.fetch(
        """SELECT number, lifecycle FROM orders
           WHERE customer_id = $1 AND lifecycle IN ('open', 'confirmed') AND NOT historic
           ORDER BY placed_at, id LIMIT $2""",
        customer_id,
        limit,
    )
    return [dict(row) for row in rows]


async def locked_orders(tx: Transaction, customer_id: UUID) -> list[UUID]:
    """All orders of theirs, locked in their order."""
    rows = await tx.sql.fetch("SELECT id FROM orders WHERE customer_id = $1 ORDER BY id FOR UPDATE", customer_id)
    return [row["id"] for row in rows]


async def orders_of(tx: Transaction, customer_id: UUID) -> list[UUID]:
    """All orders of theirs, the oldest first."""
    rows = await tx.sql.fetch("SELECT id FROM orders WHERE customer_id = $1 ORDER BY placed_at, id", customer_id)
    return [row["id"] for row in rows]


async def mark_erased(tx: Transaction, customer_id: UUID) -> datetime:
    """Note that a customer is erased, under the next version; since when."""
    at: datetime = await tx.sql.fetchval(
        """UPDATE customer SET version = version + 1, erased_at = coalesce(erased_at, now()), by_mail = false,
               by_sms = false WHERE id = $1 RETURNING erased_at""",
        customer_id,
    )
    return at


async def note_erasure(tx: Transaction, *values: Any) -> None:
    """Keep that it was done: id, customer, when, by whom, why, which orders, how many rows; the log is due at once."""
    await tx.sql.execute(
        """INSERT INTO erasure (id, customer_id, at, actor, reason, orders, done, log_due_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, now())""",
        *values,
    )


async def log_due(tx: Transaction, limit: int) -> list[tuple[UUID, list[UUID]]]:
    """Erasures for which the embedded log is to be gone through now, with their orders."""
    rows = await tx.sql.fetch(
        "SELECT id, orders FROM erasure WHERE log_due_at <= now() ORDER BY log_due_at LIMIT $1", limit
    )
    return [(row["id"], row["orders"]) for row in rows]


async def log_done(tx: Transaction, erasure_id: UUID) -> None:
    """Note a round through the log; the next comes after a minute, the last after an hour."""
    await tx.sql.execute(
        """UPDATE erasure SET log_rounds = log_rounds + 1,
               log_due_at = CASE log_rounds WHEN 0 THEN now() + interval '1 minute'
                                            WHEN 1 THEN now() + interval '1 hour' END
           WHERE id = $1""",
        erasure_id,
    )


async def change(tx: Transaction, customer_id: UUID, language: str | None, *, by_mail: bool, by_sms: bool) -> None:
    """Keep how a customer wants to be told, under the next version."""
    await tx.sql.execute(
        "UPDATE customer SET version = version + 1, language = $2, by_mail = $3, by_sms = $4 WHERE id = $1",
        customer_id,
        language,
        by_mail,
        by_sms,
    )
