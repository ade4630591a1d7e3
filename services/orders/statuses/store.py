"""Every statement about statuses as the shop defined them."""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from libs.events.transaction import Transaction
from services.orders.statuses.domain import Definition, Mode, Text, Transitions

_COLUMNS = (
    "id, version, mnemonic, track, type, colour, indicator, publish, mail, sms, invoice, position, archived, texts"
)
_READ = f"SELECT {_COLUMNS} FROM status"  # noqa: S608 - constants
_WRITE = f"""
INSERT INTO status ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (id) DO UPDATE SET version = $2, mnemonic = $3, type = $5, colour = $6, indicator = $7, publish = $8,
    mail = $9, sms = $10, invoice = $11, position = $12, archived = $13, texts = $14
"""  # noqa: S608 - constants
_PAGE = f"""
{_READ}
WHERE ($1::text IS NULL OR track = $1) AND ($2::text IS NULL OR type = $2) AND ($3::boolean IS NULL OR archived = $3)
  AND ($4::integer IS NULL OR (position, id) > ($4, $5::uuid))
ORDER BY position, id LIMIT $6
"""


def from_row(row: Any) -> Definition:
    """A definition from its row."""
    texts = row["texts"] if isinstance(row["texts"], dict) else json.loads(row["texts"])
    return Definition(
        row["id"],
        row["version"],
        row["mnemonic"],
        StatusTrack(row["track"]),
        StatusType(row["type"]),
        row["colour"],
        row["indicator"],
        StatusActions(publish=row["publish"], mail=row["mail"], sms=row["sms"], invoice=row["invoice"]),
        row["position"],
        row["archived"],
        {language: Text(**text) for language, text in texts.items()},
    )


async def definition(tx: Transaction, status_id: UUID) -> Definition | None:
    """The status of that id."""
    row = await tx.sql.fetchrow(f"{_READ} WHERE id = $1", status_id)
    return from_row(row) if row else None


async def locked(tx: Transaction, status_id: UUID) -> Definition | None:
    """The status of that id, locked."""
    row = await tx.sql.fetchrow(f"{_READ} WHERE id = $1 FOR UPDATE", status_id)
    return from_row(row) if row else None


async def by_name(tx: Transaction, names: Collection[str]) -> dict[str, Definition]:
    """The statuses that these mean, each an id or a mnemonic; what means none is left out."""
    rows = await tx.sql.fetch(f"{_READ} WHERE id::text = ANY($1::text[]) OR mnemonic = ANY($1::text[])", sorted(names))
    found = [from_row(row) for row in rows]
    means = {str(each.id): each for each in found} | {each.mnemonic: each for each in found}
    return {name: means[name] for name in names if name in means}


async def by_ids(tx: Transaction, ids: Collection[UUID]) -> dict[UUID, Definition]:
    """The statuses of these ids."""
    rows = await tx.sql.fetch(f"{_READ} WHERE id = ANY($1::uuid[])", sorted(ids))
    return {row["id"]: from_row(row) for row in rows}


async def all_locked(tx: Transaction) -> list[Definition]:
    """Every status, locked, in the order of lists."""
    return [from_row(row) for row in await tx.sql.fetch(f"{_READ} ORDER BY position, id FOR UPDATE")]


async def page(
    tx: Transaction,
    track: str | None,
    kind: str | None,
    archived: bool | None,  # noqa: FBT001
    after: tuple[int, UUID] | None,
    limit: int,
) -> list[Definition]:
    """Statuses in the order of lists, from behind `after`."""
    place = after or (None, None)
    return [from_row(row) for row in await tx.sql.fetch(_PAGE, track, kind, archived, *place, limit)]


async def write(tx: Transaction, definitions: Sequence[Definition]) -> None:
    """Write new statuses, and what changed of old ones."""
    await tx.sql.executemany(_WRITE, [_values(each) for each in definitions])


def _values(d: Definition) -> tuple[Any, ...]:
    texts = {tag: {"name": t.name, "message": t.message, "sms": t.sms} for tag, t in d.texts.items()}
    what = (d.id, d.version, d.mnemonic, d.track, d.type, d.colour, d.indicator)
    actions = (d.actions.publish, d.actions.mail, d.actions.sms, d.actions.invoice)
    return (*what, *actions, d.position, d.archived, json.dumps(texts))


async def alone(tx: Transaction) -> None:
    """Wait until nobody else changes which statuses there are."""
    await tx.sql.execute("SELECT pg_advisory_xact_lock(hashtextextended('statuses', 0))")


async def next_position(tx: Transaction) -> int:
    """Behind every status there is."""
    found: int = await tx.sql.fetchval("SELECT coalesce(max(position), 0) + 1 FROM status")
    return found


async def namesakes(tx: Transaction, definition: Definition) -> list[tuple[str, str, str]]:
    """Language, public name and mnemonic of other statuses of its track that customers could not tell from it."""
    rows = await tx.sql.fetch(
        """SELECT s.mnemonic, t.key AS language, t.value->>'name' AS name FROM status s, jsonb_each(s.texts) t
           JOIN jsonb_each($3::jsonb) own ON own.key = t.key AND lower(own.value->>'name') = lower(t.value->>'name')
           WHERE s.id <> $1 AND s.track = $2 AND NOT s.archived ORDER BY t.key, s.mnemonic""",
        definition.id,
        definition.track,
        json.dumps({tag: {"name": text.name} for tag, text in definition.texts.items()}),
    )
    return [(row["language"], row["name"], row["mnemonic"]) for row in rows]


async def transitions(tx: Transaction, track: str) -> Transitions:
    """What may follow what on a track."""
    rows = await tx.sql.fetch("SELECT from_status, to_status FROM status_transition WHERE track = $1", track)
    return Transitions(frozenset((row["from_status"], row["to_status"]) for row in rows))


async def replace_transitions(
    tx: Transaction, track: str, moves: Sequence[tuple[UUID, UUID | None, UUID]], *, add: bool = False
) -> None:
    """Let these be the transitions of a track, or let them be some more: (id of the row, from, to)."""
    if not add:
        await tx.sql.execute("DELETE FROM status_transition WHERE track = $1", track)
    await tx.sql.executemany(
        """INSERT INTO status_transition (id, track, from_status, to_status) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING""",
        [(row_id, track, before, to) for row_id, before, to in moves],
    )


async def mode(tx: Transaction) -> tuple[Mode, int]:
    """How statuses are used here, and the version of that."""
    row = await tx.sql.fetchrow("SELECT mode, version FROM status_settings")
    return (Mode(row["mode"]), row["version"])


async def set_mode(tx: Transaction, mode: Mode) -> int:
    """Use statuses so from now on; the new version."""
    found: int = await tx.sql.fetchval(
        "UPDATE status_settings SET mode = $1, version = version + 1 RETURNING version", mode
    )
    return found


async def add_rules(tx: Transaction, rules: Sequence[dict[str, Any]]) -> list[str]:
    """Add rules of the library behind those there are, but those whose name is taken; the names of the new ones."""
    rows = await tx.sql.fetch(
        """INSERT INTO status_rule (id, version, name, topic, conditions, status_id, active, position)
           SELECT r.id, 1, r.name, r.topic, r.conditions::jsonb, r.status_id, true,
                  (SELECT coalesce(max(position), 0) FROM status_rule) + r.n
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[])
                WITH ORDINALITY AS r(id, name, topic, conditions, status_id, n)
           WHERE NOT EXISTS (SELECT FROM status_rule old WHERE old.name = r.name)
           RETURNING name""",
        [rule["id"] for rule in rules],
        [rule["name"] for rule in rules],
        [rule["topic"] for rule in rules],
        [json.dumps(rule["conditions"]) for rule in rules],
        [rule["status_id"] for rule in rules],
    )
    return [row["name"] for row in rows]
