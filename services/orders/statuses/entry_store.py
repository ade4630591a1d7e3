"""Every statement about statuses as they were applied."""

import json
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from libs.contracts.statuses import StatusTrack
from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.orders.statuses.domain import Mode, Transitions
from services.orders.statuses.entries import Around, Entry
from services.orders.statuses.tables import StatusRow

_AROUND = """
SELECT (SELECT mode FROM status_settings) AS mode,
       ARRAY(SELECT ROW(track, from_status, to_status) FROM status_transition) AS moves,
       ARRAY(SELECT ROW(id, mnemonic) FROM status
             WHERE id IN (SELECT to_status FROM status_transition UNION SELECT from_status FROM status_transition)
            ) AS names,
       ARRAY(SELECT ROW(order_id, track, status_id) FROM order_status WHERE order_id = ANY($1::uuid[])) AS standing,
       ARRAY(SELECT ROW(order_id, max(number)) FROM status_entry
             WHERE order_id = ANY($1::uuid[]) GROUP BY order_id) AS numbers
"""
_COLUMNS = (
    "id, order_id, number, status_id, track, previous, applied_at, applied_by, rule_id, fact_id, comment, actions,"
    " published"
)
_WRITE = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS g(
        id uuid, order_id uuid, number bigint, status_id uuid, track text, previous uuid, applied_at timestamptz,
        applied_by text, rule_id uuid, fact_id uuid, comment text, actions jsonb, published boolean, indicator text)
), entered AS (
    INSERT INTO status_entry ({_COLUMNS}) SELECT {_COLUMNS} FROM given
), shown AS (
    UPDATE orders o SET indicator = i.indicator
    FROM (SELECT DISTINCT ON (order_id) order_id, indicator FROM given WHERE indicator IS NOT NULL
          ORDER BY order_id, number DESC) i
    WHERE o.id = i.order_id
)
INSERT INTO order_status (order_id, track, status_id, entry_id, since)
SELECT DISTINCT ON (order_id, track) order_id, track, status_id, id, applied_at FROM given
ORDER BY order_id, track, number DESC
ON CONFLICT (order_id, track)
DO UPDATE SET status_id = excluded.status_id, entry_id = excluded.entry_id, since = excluded.since
"""  # noqa: S608 - constants
_ENTRIES = f"""
SELECT e.id AS entry_id, e.order_id, e.number, e.track AS entry_track, e.previous, e.applied_at, e.applied_by,
       e.rule_id, e.fact_id, e.comment, e.actions, e.published, st.entry_id IS NOT NULL AS stands,
       (SELECT name FROM status_rule r WHERE r.id = e.rule_id) AS rule,
       {columns(StatusRow, "s")}
FROM status_entry e JOIN status s ON s.id = e.status_id LEFT JOIN order_status st ON st.entry_id = e.id
    AND st.order_id = e.order_id
WHERE e.order_id = $1
"""  # noqa: S608 - columns


async def around(tx: Transaction, order_ids: Collection[UUID]) -> Around:
    """What decides about statuses of these locked orders."""
    row = await tx.sql.fetchrow(_AROUND, sorted(order_ids))
    moves: dict[StatusTrack, set[tuple[UUID | None, UUID]]] = {}
    for track, before, to in row["moves"]:
        moves.setdefault(StatusTrack(track), set()).add((before, to))
    return Around(
        mode=Mode(row["mode"]),
        moves={track: Transitions(frozenset(found)) for track, found in moves.items()},
        names=dict(map(tuple, row["names"])),
        standing={(order, StatusTrack(track)): status for order, track, status in row["standing"]},
        numbers=dict(map(tuple, row["numbers"])),
    )


async def write(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Append entries of locked orders; the last of each track stands from now on."""
    if entries:
        await tx.sql.execute(_WRITE, json.dumps([_row(entry) for entry in entries], default=str))


def _row(entry: Entry) -> dict[str, Any]:
    definition = entry.definition
    return {
        "id": entry.id,
        "order_id": entry.order_id,
        "number": entry.number,
        "status_id": definition.id,
        "track": definition.track,
        "previous": entry.previous,
        "applied_at": entry.applied_at.isoformat(),
        "applied_by": entry.applied_by,
        "rule_id": entry.rule,
        "fact_id": entry.fact,
        "comment": entry.comment,
        "actions": entry.actions.model_dump(),
        "published": entry.actions.publish,
        "indicator": definition.indicator,
    }


async def page(tx: Transaction, order_id: UUID, after: int | None, limit: int) -> list[Any]:
    """An order's entries with their statuses, the newest first, from behind `after`."""
    rows = await tx.sql.fetch(
        f"{_ENTRIES} AND ($2::bigint IS NULL OR e.number < $2) ORDER BY e.number DESC LIMIT $3", order_id, after, limit
    )
    return list(rows)


async def entry(tx: Transaction, order_id: UUID, entry_id: UUID) -> Any | None:
    """One entry with its status."""
    return await tx.sql.fetchrow(f"{_ENTRIES} AND e.id = $2", order_id, entry_id)


async def standing_entry(tx: Transaction, order_id: UUID, track: str) -> Any:
    """The entry that stands on a track."""
    return await tx.sql.fetchrow(f"{_ENTRIES} AND st.track = $2", order_id, track)


async def by_rules(tx: Transaction, order_id: UUID, facts: Collection[UUID]) -> list[Any]:
    """What rules did because of these facts, in order: name and mnemonic, or the reason why they could not."""
    rows = await tx.sql.fetch(
        """SELECT coalesce(r.name, '') AS rule, s.mnemonic AS status, found.reason
           FROM (SELECT rule_id, status_id, NULL AS reason, number FROM status_entry
                 WHERE order_id = $1 AND fact_id = ANY($2::uuid[]) AND rule_id IS NOT NULL
                 UNION ALL
                 SELECT rule_id, status_id, reason, NULL FROM status_refusal
                 WHERE order_id = $1 AND fact_id = ANY($2::uuid[])) found
           JOIN status s ON s.id = found.status_id LEFT JOIN status_rule r ON r.id = found.rule_id
           ORDER BY found.number NULLS LAST, rule""",
        order_id,
        sorted(facts),
    )
    return list(rows)


async def publish(tx: Transaction, entry_id: UUID, *, published: bool) -> None:
    """Let the customer see an entry, or not any more."""
    await tx.sql.execute("UPDATE status_entry SET published = $2 WHERE id = $1", entry_id, published)


async def exists(tx: Transaction, order_id: UUID) -> bool:
    """Whether there is such an order."""
    return bool(await tx.sql.fetchval("SELECT EXISTS (SELECT FROM orders WHERE id = $1)", order_id))
