"""Idempotency-Key of a bulk call: one row for each item, so that what was done stays done when a later item fails.

The rows are those of `idempotency`: the item's is the first insert and its result the last write of the transaction
that does it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from libs.events.transaction import Transaction
from libs.service import idempotency
from libs.service.call import Call
from libs.service.problems import InProgress, KeyReused

_CLAIM = """
INSERT INTO idempotency_key (principal, route, key, body_hash)
SELECT $1, $2, i.key, i.body_hash FROM unnest($3::text[], $4::bytea[]) AS i(key, body_hash) ORDER BY i.key
ON CONFLICT DO NOTHING RETURNING key
"""
_STORED = """
SELECT key, body_hash, status, body FROM idempotency_key WHERE principal = $1 AND route = $2 AND key = ANY($3::text[])
"""
_FINISH = """
UPDATE idempotency_key k SET status = 200, headers = '{}', body = i.body
FROM unnest($3::text[], $4::bytea[]) AS i(key, body)
WHERE k.principal = $1 AND k.route = $2 AND k.key = i.key
"""


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a bulk call: who, on which route."""

    principal: str
    route: str
    key: str

    def of(self, item: str) -> str:
        """The key of one item."""
        return f"{self.key}#{item}"


def key_of(call: Call) -> Key | None:
    """The Idempotency-Key that the call was sent with."""
    request = call.request
    given = idempotency.checked(request.headers.get(idempotency.HEADER))
    route = f"{request.method} {request.scope['route'].path}"
    return Key(call.principal.actor, route, given) if given is not None else None


async def begin(tx: Transaction, key: Key, digests: Mapping[str, bytes]) -> dict[str, bytes]:
    """Claim every item for this transaction; the results of those done before, by item.

    KeyReused when an item asks for something else than before; InProgress when another call holds one for 5 s.
    """
    keys = {key.of(item): item for item in digests}
    await tx.sql.execute(f"SET LOCAL lock_timeout = '{idempotency.WAITS}'")
    try:
        rows = await tx.sql.fetch(
            _CLAIM, key.principal, key.route, sorted(keys), [digests[keys[each]] for each in sorted(keys)]
        )
    except asyncpg.LockNotAvailableError:
        raise InProgress(headers={"Retry-After": "1"}) from None
    await tx.sql.execute("SET LOCAL lock_timeout = 0")
    known = set(keys) - {row["key"] for row in rows}
    if not known:
        return {}
    stored = await tx.sql.fetch(_STORED, key.principal, key.route, sorted(known))
    if len(stored) != len(known) or any(row["status"] is None for row in stored):
        raise InProgress(headers={"Retry-After": "1"})
    if any(row["body_hash"] != digests[keys[row["key"]]] for row in stored):
        raise KeyReused(field=idempotency.HEADER)
    return {keys[row["key"]]: row["body"] for row in stored}


async def finish(tx: Transaction, key: Key, results: Mapping[str, bytes]) -> None:
    """Store the results of items beside their effects."""
    if results:
        names = sorted(results)
        await tx.sql.execute(
            _FINISH, key.principal, key.route, [key.of(name) for name in names], [results[name] for name in names]
        )
