"""The timeline: every fact about an order, of whatever service, numbered without a gap under the order's lock."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.orders import OrderFact
from libs.events.transaction import Transaction
from services.orders.lifecycle.domain import Order

_WRITE = """
INSERT INTO order_event (order_id, number, event_id, topic, at, actor, correlation_id, causation_id, detail)
SELECT $1, n, event_id, topic, at, actor, correlation_id, causation_id, detail::jsonb
FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::uuid[], $9::text[])
    AS e(n, event_id, topic, at, actor, correlation_id, causation_id, detail)
"""
AXES = ("lifecycle", "stock", "payment", "fulfilment")


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be; its number comes when it is written."""

    event_id: UUID
    topic: str
    at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    detail: dict[str, Any]


def heard(tx: Transaction, detail: dict[str, Any]) -> Entry:
    """The entry of the fact that this transaction handles."""
    fact = tx.fact
    if fact is None:
        raise RuntimeError("there is no fact outside a consumer")
    return Entry(fact.id, fact.type, fact.time, fact.actor, fact.correlation_id, fact.causation_id, detail)


async def emit(tx: Transaction, order: Order, before: dict[str, str]) -> list[Entry]:
    """Emit what the order has said; the entries for it. Nobody emits an order's facts otherwise."""
    said: Sequence[OrderFact] = order.said
    ids = await tx.emit(order, *said)
    cause, now, entries = tx.cause, datetime.now(UTC), []
    for event_id, fact in zip(ids, said, strict=True):
        after = axes_of(fact)
        changed = {axis: [before.get(axis), after[axis]] for axis in AXES if before.get(axis) != after[axis]}
        detail = {"version": fact.order.version, "changed": changed} | told(fact)
        entries.append(Entry(event_id, fact.topic, now, cause.actor, cause.correlation_id, cause.causation_id, detail))
        before = after
    order.said.clear()
    return entries


def axes_of(fact: OrderFact) -> dict[str, str]:
    """Where a fact says that the order is."""
    return {axis: str(getattr(fact.order, axis)) for axis in AXES}


def told(fact: OrderFact) -> dict[str, Any]:
    """What a fact says beside its snapshot; never personal data."""
    return fact.model_dump(mode="json", exclude={"order", "person"})


async def write(tx: Transaction, order: Order, entries: Sequence[Entry]) -> None:
    """Append to the order's timeline; its counter is saved with the order."""
    if not entries:
        return
    numbers = range(order.events + 1, order.events + len(entries) + 1)
    order.events += len(entries)
    await tx.sql.execute(
        _WRITE,
        order.id,
        list(numbers),
        [entry.event_id for entry in entries],
        [entry.topic for entry in entries],
        [entry.at for entry in entries],
        [entry.actor for entry in entries],
        [entry.correlation_id for entry in entries],
        [entry.causation_id for entry in entries],
        [json.dumps(entry.detail) for entry in entries],
    )
