"""What must be true of facts after everything that happened: each one taken in once by everybody whom it concerns."""

from collections import defaultdict
from typing import Any

import asyncpg

from demo.proof import Proof
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES, TOPICS

_SAID = "SELECT id, type, aggregatetype, aggregateid, ce_sequence FROM outbox_sent"
_TAKEN = "SELECT event_id, count(*) AS times FROM inbox WHERE consumer = $1 GROUP BY 1"


async def proofs(system: System) -> tuple[list[Proof], int]:
    """The proofs, and how many facts were said."""
    said: dict[str, list[Any]] = {}
    taken: dict[str, dict[Any, int]] = {}
    for name in SERVICE_NAMES:
        link = await asyncpg.connect(system.database_url(name))
        try:
            said[name] = await link.fetch(_SAID)
            taken[name] = {row["event_id"]: row["times"] for row in await link.fetch(_TAKEN, name)}
        finally:
            await link.close()
    return [taken_once(said, taken), without_a_gap(said)], sum(map(len, said.values()))


def taken_once(said: dict[str, list[Any]], taken: dict[str, dict[Any, int]]) -> Proof:
    """Each fact stands once in the inbox of each reader of its topic, and nothing else does."""
    proof = Proof("every fact that was said was taken in exactly once by every service that reads it")
    readers = {topic.name: topic.readers for topic in TOPICS}
    ids = set()
    for name, facts in said.items():
        for fact in facts:
            ids.add(fact["id"])
            for reader in readers[fact["type"]]:
                times = taken[reader].get(fact["id"], 0)
                proof.expect(times == 1, f"{reader} took {fact['type']} {fact['id']} of {name} {times} times")
    for reader, found in taken.items():
        for stranger in found.keys() - ids:
            proof.broken.append(f"{reader} took {stranger}, which nobody said")
    return proof


def without_a_gap(said: dict[str, list[Any]]) -> Proof:
    """What an aggregate says is counted by `ce_sequence`."""
    proof = Proof("the facts of each aggregate are numbered 1, 2, 3, each of them once")
    for name, facts in said.items():
        numbers: dict[Any, list[int]] = defaultdict(list)
        for fact in facts:
            numbers[fact["aggregatetype"], fact["aggregateid"]].append(fact["ce_sequence"])
        for aggregate, found in numbers.items():
            whole = sorted(found) == list(range(1, len(found) + 1))
            proof.expect(whole, f"{name}: {aggregate} has {sorted(found)[:20]}")
    return proof
