"""What must be true of the statuses that rules gave to orders, whatever died meanwhile."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from demo.proof import Proof, Rows, Seen

QUESTIONS: dict[str, tuple[str, str]] = {
    "rules": (
        "orders",
        """SELECT r.id, r.name, r.topic, r.conditions::text AS conditions, r.status_id, s.track
           FROM status_rule r JOIN status s ON s.id = r.status_id WHERE r.active ORDER BY r.position, r.id""",
    ),
    "given": (
        "orders",
        """SELECT id, order_id, status_id, track, rule_id, fact_id,
                  published AND (actions ->> 'mail')::boolean AS mailed
           FROM status_entry ORDER BY order_id, number""",
    ),
    "standing": ("orders", "SELECT order_id, track, status_id FROM order_status"),
    "told_of": (
        "orders",
        """SELECT v.order_id, v.event_id, v.topic, v.at, o.payment_kind FROM order_event v
           JOIN orders o ON o.id = v.order_id
           WHERE NOT o.historic AND v.topic IN (SELECT topic FROM status_rule WHERE active)
           ORDER BY v.order_id, v.number""",
    ),
}


LETTER = "status"
"""What the mail of a status is called."""


def rules_acted_once(seen: Seen) -> Proof:
    """Each rule gave its status once for each fact that it waits for, unless that status stood already."""
    proof = Proof("every rule acted once for each fact it waits for, in the order in which the facts were taken in")
    entries = _by_order(seen.rows["given"])
    facts = _by_order(seen.rows["told_of"])
    for order in entries.keys() | facts.keys():
        if any(entry["rule_id"] is None for entry in entries[order]):
            continue  # a person gave it a status too: what stood when is theirs to say
        expected = _expected(seen.rows["rules"], facts[order])
        found = [(entry["rule_id"], entry["fact_id"]) for entry in entries[order]]
        proof.expect(found == expected, f"order {order}: {_said(seen, found)}, expected {_said(seen, expected)}")
    return proof


def what_stands_is_what_was_applied_last(seen: Seen) -> Proof:
    """On each track stands the last status that was applied there."""
    proof = Proof("on each track of an order stands the status that was applied last, and one only")
    last = {(entry["order_id"], entry["track"]): entry["status_id"] for entry in seen.rows["given"]}
    stands = Counter((row["order_id"], row["track"]) for row in seen.rows["standing"])
    for row in seen.rows["standing"]:
        place = row["order_id"], row["track"]
        proof.expect(last.pop(place, None) == row["status_id"] and stands[place] == 1, f"order {place}")
    proof.broken += [f"order {place}: nothing stands" for place in last]
    return proof


def _expected(rules: Rows, facts: Rows) -> list[tuple[UUID, UUID]]:
    standing: dict[str, UUID] = {}
    expected = []
    for fact in facts:
        for rule in rules:
            if rule["topic"] != fact["topic"] or fact["at"] < _made(rule["id"]) or not _holds(rule, fact):
                continue
            if standing.get(rule["track"]) != rule["status_id"]:
                standing[rule["track"]] = rule["status_id"]
                expected.append((rule["id"], fact["event_id"]))
    return expected


def _holds(rule: Any, fact: Any) -> bool:
    """Whether the conditions hold, of the kinds that the demo's rules have."""
    return all(
        condition["field"] == "payment_kind" and condition["op"] == "in" and fact["payment_kind"] in condition["value"]
        for condition in json.loads(rule["conditions"])
    )


def _made(rule: UUID) -> datetime:
    """When a rule was made: its id says so."""
    return datetime.fromtimestamp((rule.int >> 80) / 1000, UTC)


def _by_order(rows: Rows) -> dict[UUID, Rows]:
    found: dict[UUID, Rows] = defaultdict(list)
    for row in rows:
        found[row["order_id"]].append(row)
    return found


def _said(seen: Seen, acts: list[tuple[UUID, UUID]]) -> list[str]:
    names = {rule["id"]: rule["name"] for rule in seen.rows["rules"]}
    return [names.get(rule, str(rule)) for rule, _ in acts]
