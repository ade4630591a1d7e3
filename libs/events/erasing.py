"""What the kernel keeps of a person: facts that wait, were sent, or could not be taken. Forgotten by order.

Personal data stands only under a fact's `person`, so what is left of a fact without it is still the fact. Sentences
that a person or another system wrote (a reason, a failure) may name somebody, and go too.
"""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction

ERASED = "erased"
_SENTENCES = frozenset({"reason", "what", "failure", "comment", "note"})
_TOMBSTONES = "INSERT INTO erased_order (order_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"
_FOUND = {
    "outbox": "aggregateid = ANY($1::uuid[]) OR key = ANY($2::text[])",
    "outbox_sent": "aggregateid = ANY($1::uuid[]) AND $2::text[] IS NOT NULL",  # days of facts: by its index alone
}


def without_person(value: bytes) -> bytes:
    """A fact's JSON without whom it is about; nothing at all of what is no JSON."""
    try:
        found = json.loads(value)
    except ValueError:
        return b""
    return json.dumps(_scrubbed(found), ensure_ascii=False, separators=(",", ":")).encode()


def _scrubbed(value: Any) -> Any:
    if isinstance(value, list):
        return [_scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for name, each in value.items():
        if name == "person":
            found[name] = None
        elif name in _SENTENCES and isinstance(each, str):
            found[name] = ERASED if _is_sentence(each) else each
        else:
            found[name] = _scrubbed(each)
    return found


def _is_sentence(text: str) -> bool:
    """Whether somebody wrote it: a word of a closed list has neither blanks nor capitals."""
    return not (text.isascii() and text.replace("_", "").isalnum() and text == text.lower())


async def forget(tx: Transaction, orders: Sequence[UUID], aggregates: Sequence[UUID] = ()) -> int:
    """Forget whom these orders' facts are about, and remember that, for what comes later; how many facts it concerned.

    `aggregates`: what of this service speaks about those orders under ids of its own.
    """
    await tx.sql.execute(_TOMBSTONES, list(orders))
    keys = [str(order) for order in orders]
    letters = await _forget_letters(tx, keys)
    speakers = [*orders, *aggregates, *letters]
    return len(letters) + sum([await _forget_facts(tx, table, speakers, keys) for table in _FOUND])


async def _forget_facts(tx: Transaction, table: str, speakers: list[UUID], keys: list[str]) -> int:
    rows = await tx.sql.fetch(
        f"SELECT aggregateid, id, payload FROM {table} WHERE {_FOUND[table]} ORDER BY seq FOR UPDATE",  # noqa: S608 - constants
        speakers,
        keys,
    )
    told = []
    for row in rows:
        left = without_person(row["payload"].encode())
        if json.loads(left) != json.loads(row["payload"]):
            told.append((row["aggregateid"], row["id"], left.decode()))
    await tx.sql.execute(
        f"""UPDATE {table} o SET payload = g.payload FROM unnest($1::uuid[], $2::uuid[], $3::text[])
                AS g(aggregate, id, payload) WHERE o.aggregateid = g.aggregate AND o.id = g.id""",  # noqa: S608 - constants
        *([each[place] for each in told] for place in range(3)),
    )
    return len(told)


async def _forget_letters(tx: Transaction, keys: list[str]) -> list[UUID]:
    """Dead letters keep what can still be handled; of the reason only what kind of error it was."""
    rows = await tx.sql.fetch("SELECT id, value FROM dead_letter WHERE key = ANY($1::text[]) FOR UPDATE", keys)
    await tx.sql.executemany(
        "UPDATE dead_letter SET value = $2, reason = split_part(reason, ':', 1) WHERE id = $1",
        [(row["id"], without_person(bytes(row["value"]))) for row in rows],
    )
    return [row["id"] for row in rows]


async def is_erased(tx: Transaction, order_id: UUID | None) -> bool:
    """Whether the person of this order was forgotten; what comes later of them is taken without the person."""
    return bool(await tx.sql.fetchval("SELECT true FROM erased_order WHERE order_id = $1", order_id))
