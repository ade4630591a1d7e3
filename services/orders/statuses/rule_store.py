"""Every statement about rules, and about what they could not do."""

import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.columns import columns
from services.orders.lifecycle.change import Told
from services.orders.statuses.rules import Condition, Op, Rule
from services.orders.statuses.store import from_row
from services.orders.statuses.tables import StatusRow

_WHOLE = f"""r.id AS rule_id, r.version AS rule_version, r.name, r.topic, r.conditions, r.active, r.position AS place,
       {columns(StatusRow, "s")}"""
_RULES = f"""
SELECT {_WHOLE}
FROM status_rule r JOIN status s ON s.id = r.status_id
"""  # noqa: S608 - columns
_WAITING = f"""
SELECT {_WHOLE},
       ARRAY(SELECT fact_id FROM status_entry e WHERE e.fact_id = ANY($2::uuid[]) AND e.rule_id = r.id
             UNION ALL
             SELECT fact_id FROM status_refusal f WHERE f.fact_id = ANY($2::uuid[]) AND f.rule_id = r.id) AS done
FROM status_rule r JOIN status s ON s.id = r.status_id
WHERE r.active AND r.topic = ANY($1::text[]) AND (SELECT mode FROM status_settings) <> 'off'
ORDER BY r.position, r.id
"""  # noqa: S608 - columns


def _rule(row: Any) -> Rule:
    given = row["conditions"] if isinstance(row["conditions"], list) else json.loads(row["conditions"])
    conditions = tuple(Condition(each["field"], Op(each["op"]), each["value"]) for each in given)
    what = (row["rule_id"], row["rule_version"], row["name"], row["topic"], conditions)
    return Rule(*what, from_row(row), row["active"], row["place"])


async def listens(tx: Transaction, topics: Collection[str]) -> frozenset[str]:
    """The topics among these whose facts an active rule waits for."""
    statement = "SELECT DISTINCT topic FROM status_rule WHERE active AND topic = ANY($1::text[])"
    return frozenset(row["topic"] for row in await tx.sql.fetch(statement, sorted(topics)))


async def waiting(tx: Transaction, told: Collection[Told]) -> list[tuple[Rule, frozenset[UUID]]]:
    """The active rules that wait for facts of these topics, in their order, each with the facts it has seen to."""
    topics, facts = sorted({each.event.topic for each in told}), sorted(each.id for each in told)
    return [(_rule(row), frozenset(row["done"])) for row in await tx.sql.fetch(_WAITING, topics, facts)]


async def refuse(tx: Transaction, rule: Rule, order_id: UUID, fact: UUID, reason: str) -> None:
    """Note that a rule could not set its status because of a fact."""
    await tx.sql.execute(
        """INSERT INTO status_refusal (fact_id, rule_id, order_id, status_id, reason, at)
           VALUES ($1, $2, $3, $4, $5, now()) ON CONFLICT DO NOTHING""",
        *(fact, rule.id, order_id, rule.definition.id, reason),
    )


async def rule(tx: Transaction, rule_id: UUID, *, lock: bool = False) -> Rule | None:
    """The rule of that id."""
    row = await tx.sql.fetchrow(f"{_RULES} WHERE r.id = $1{' FOR UPDATE OF r' if lock else ''}", rule_id)
    return _rule(row) if row else None


async def page(tx: Transaction, topic: str | None, after: tuple[int, UUID] | None, limit: int) -> list[Rule]:
    """Rules in the order in which they run, from behind `after`."""
    rows = await tx.sql.fetch(
        f"""{_RULES} WHERE ($1::text IS NULL OR r.topic = $1)
            AND ($2::integer IS NULL OR (r.position, r.id) > ($2, $3::uuid)) ORDER BY r.position, r.id LIMIT $4""",
        topic,
        *(after or (None, None)),
        limit,
    )
    return [_rule(row) for row in rows]


async def write(tx: Transaction, rule: Rule) -> None:
    """Write a new rule, or what changed of an old one."""
    conditions = [{"field": each.field, "op": each.op, "value": each.value} for each in rule.conditions]
    await tx.sql.execute(
        """INSERT INTO status_rule (id, version, name, topic, conditions, status_id, active, position)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (id) DO UPDATE SET version = $2, name = $3, topic = $4, conditions = $5, status_id = $6,
               active = $7, position = $8""",
        *(rule.id, rule.version, rule.name, rule.topic, json.dumps(conditions)),
        *(rule.definition.id, rule.active, rule.position),
    )


async def remove(tx: Transaction, rule_id: UUID) -> None:
    """Take a rule away; what it did stays."""
    await tx.sql.execute("DELETE FROM status_rule WHERE id = $1", rule_id)


async def all_locked(tx: Transaction) -> dict[UUID, tuple[int, int]]:
    """Every rule, locked, in the order in which they run: position and version by id."""
    rows = await tx.sql.fetch("SELECT id, position, version FROM status_rule ORDER BY position, id FOR UPDATE")
    return {row["id"]: (row["position"], row["version"]) for row in rows}


async def place(tx: Transaction, ids: Collection[UUID]) -> None:
    """Let rules run in this order; those that move get a new version."""
    await tx.sql.execute(
        """UPDATE status_rule r SET position = p.place, version = r.version + 1
           FROM unnest($1::uuid[]) WITH ORDINALITY AS p(id, place) WHERE r.id = p.id AND r.position <> p.place""",
        list(ids),
    )


async def next_position(tx: Transaction) -> int:
    """Behind every rule there is."""
    found: int = await tx.sql.fetchval("SELECT coalesce(max(position), 0) + 1 FROM status_rule")
    return found


async def refusals(tx: Transaction, order_id: UUID) -> list[Any]:
    """What rules could not do about an order, the newest first: rule, its name, status, fact, reason and time."""
    rows = await tx.sql.fetch(
        """SELECT f.rule_id, r.name AS rule, s.mnemonic AS status, f.fact_id, f.reason, f.at
           FROM status_refusal f JOIN status s ON s.id = f.status_id LEFT JOIN status_rule r ON r.id = f.rule_id
           WHERE f.order_id = $1 ORDER BY f.at DESC, f.fact_id, f.rule_id LIMIT 200""",
        order_id,
    )
    return list(rows)
