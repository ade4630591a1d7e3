"""Idempotency-Key: the key is the first insert and the answer the last write of the command's own transaction.

So an answer is stored exactly when its effect is committed; a refusal stores nothing and is judged anew.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from fastapi import Response

from libs.events.connection import FEW_ROWS
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.service.problems import InProgress, Invalid, KeyReused

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = "30 days"
WAITS = "5s"
_FORM = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT_HEADERS = frozenset({"content-type", "etag", "location"})


class Replayed(Exception):  # noqa: N818 - no error: the committed answer of an earlier call, on its way out
    """Ends a route whose command has been done before."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


@dataclass(frozen=True, slots=True)
class Key:
    """One use of a key: who, on which route, and for which request (path, query and body)."""

    principal: str
    route: str
    key: str
    body_hash: bytes


def checked(header: str | None) -> str | None:
    """The key as sent; Invalid when it is not 1 to 200 visible ASCII characters."""
    if header is not None and not _FORM.fullmatch(header):
        raise Invalid("1 to 200 visible ASCII characters", field=HEADER)
    return header


def hash_of(path: str, query: bytes, body: bytes) -> bytes:
    """What must be the same when a key is used again."""
    return hashlib.sha256(b"\0".join((path.encode(), query, body))).digest()


# The wait for another call's uncommitted row is bounded: the time-out is set while the row to insert is made, and
# taken back once it is in, so that it concerns this statement alone.
_FIRST = """
INSERT INTO idempotency_key (principal, route, key, body_hash)
SELECT $1, $2, $3, $4 FROM set_config('lock_timeout', $5, true){planned}
ON CONFLICT DO NOTHING
RETURNING set_config('lock_timeout', '0', true)
"""
_PLANNED = f" CROSS JOIN (SELECT {FEW_ROWS}) AS planned"
_LAST = """
UPDATE idempotency_key SET status = $4, headers = $5, body = $6 WHERE principal = $1 AND route = $2 AND key = $3
"""
_STORED = (
    "SELECT body_hash, status, headers, body FROM idempotency_key WHERE principal = $1 AND route = $2 AND key = $3"
)


async def begin(tx: Transaction, key: Key, *, few_rows: bool = False) -> None:
    """Claim the key for this transaction. Replayed, KeyReused or (after 5 s) InProgress when it is taken.

    `few_rows`: plan what follows in it as FEW_ROWS says.
    """
    place = (key.principal, key.route, key.key)
    statement = _FIRST.format(planned=_PLANNED if few_rows else "")
    try:
        first = await tx.sql.fetchval(statement, *place, key.body_hash, WAITS)
    except asyncpg.LockNotAvailableError:
        raise InProgress(headers={"Retry-After": "1"}) from None
    if first is not None:
        return
    stored = await tx.sql.fetchrow(_STORED, *place)
    if stored is None:  # cleaned away between the two statements
        raise InProgress(headers={"Retry-After": "1"})
    if stored["body_hash"] != key.body_hash:
        raise KeyReused(field=HEADER)
    if stored["status"] is None:
        raise InProgress
    headers = {**stored["headers"], REPLAYED: "true"}  # the driver reads jsonb as what it says
    raise Replayed(Response(stored["body"], stored["status"], headers=headers))


async def finish(tx: Transaction, key: Key, answer: Response) -> None:
    """Store the answer beside its effect."""
    headers = {name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS}
    await tx.sql.execute(
        _LAST, key.principal, key.route, key.key, answer.status_code, json.dumps(headers), bytes(answer.body)
    )


async def clean(uow: UnitOfWork, *, batch: int = 1000) -> int:
    """Forget answers older than 30 days, a batch of them; returns how many."""
    async with uow(Cause(actor=f"system:{uow.service}", correlation_id=new_id())) as tx:
        done = await tx.sql.execute(
            f"DELETE FROM idempotency_key WHERE ctid IN (SELECT ctid FROM idempotency_key"  # noqa: S608 - a constant
            f" WHERE at < now() - interval '{KEPT}' LIMIT {batch:d})"
        )
    return int(done.split()[-1])


_FORGET = """
UPDATE idempotency_key SET status = 410, headers = $2, body = $3
WHERE status <> 410 AND EXISTS (SELECT FROM unnest($1::bytea[]) AS about(id) WHERE position(id IN body) > 0)
"""
_GONE = {
    "type": "/problems/erased",
    "title": "Gone",
    "status": 410,
    "detail": "this was answered before; the customer it is about was erased since, and the answer with them",
}


async def forget(tx: Transaction, about: Sequence[UUID]) -> int:
    """Forget the answers that name one of these rows: whoever repeats such a call is told so; how many."""
    ids = [str(each).encode() for each in about]
    done = await tx.sql.execute(
        _FORGET, ids, json.dumps({"content-type": "application/problem+json"}), json.dumps(_GONE).encode()
    )
    return int(done.split()[-1])
