"""The tree of cause and effect of an order's facts, over all services. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from libs.contracts import every_contract


class Node(BaseModel):
    """A fact or a command, and what followed from it."""

    event_id: UUID
    number: int
    topic: str
    service: str
    at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None = Field(description="What it follows from; of a root: something outside this order.")
    after_ms: int | None = Field(description="Milliseconds after its cause; of a root: null.")
    children: list["Node"]


def speakers() -> dict[str, str]:
    """Which service says what, by topic."""
    spoken = {contract.topic: contract.__module__.rpartition(".")[2] for contract in every_contract()}
    own = {"statuses": "orders", "customers": "orders"}
    return {topic: own.get(service, service) for topic, service in spoken.items() if service != "common"}


def trees(rows: Sequence[Mapping[str, Any]], services: Mapping[str, str]) -> list[Node]:
    """The roots, each with all that followed; every row stands in it exactly once."""
    known: dict[UUID, Node] = {}
    for row in rows:
        service = services.get(row["topic"]) or row["detail"].get("service") or "orders"
        node = Node(**{name: row[name] for name in _NAMES}, service=service, after_ms=None, children=[])
        known.setdefault(node.event_id, node)
    roots = []
    for node in known.values():
        cause = known.get(node.causation_id) if node.causation_id else None
        if cause is None or _leads_to(node, cause, known):
            roots.append(node)
        else:
            node.after_ms = max(0, round((node.at - cause.at).total_seconds() * 1000))
            cause.children.append(node)
    return roots


_NAMES = ("event_id", "number", "topic", "at", "actor", "correlation_id", "causation_id")


def _leads_to(node: Node, cause: Node | None, known: Mapping[UUID, Node]) -> bool:
    """Whether a fact would be its own cause: somebody's mistake, that hides nothing."""
    passed: set[UUID] = set()
    while cause is not None and cause.event_id not in passed:
        if cause.event_id == node.event_id:
            return True
        passed.add(cause.event_id)
        cause = known.get(cause.causation_id) if cause.causation_id else None
    return False


def as_text(number: str, roots: Sequence[Node]) -> str:
    """The tree as lines, to be read."""
    lines = [f"Order {number}"]
    for root in roots:
        lines += _lines(root, 0)
    return "\n".join(lines) + "\n"


def _lines(root: Node, depth: int) -> Iterator[str]:
    waiting = [(root, depth)]
    while waiting:
        node, deep = waiting.pop()
        later = f" +{node.after_ms} ms" if node.after_ms is not None else ""
        at = f"{node.at:%Y-%m-%d %H:%M:%S}.{node.at.microsecond // 1000:03d}Z"
        yield f"{'  ' * deep}{at}{later}  {node.topic}  ({node.service}, {node.actor})"
        waiting += [(child, deep + 1) for child in reversed(node.children)]
