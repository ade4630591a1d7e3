"""The timeline: every fact about an order, of whatever service, numbered without a gap under the order's lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.orders import OrderFact, OrderSnapshot
from libs.events.transaction import Transaction
from services.orders.lifecycle.domain import Order

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
    return spoken(tx, order, before, await tx.emit(order, *order.said))


def spoken(tx: Transaction, order: Order, before: dict[str, str], ids: Sequence[UUID]) -> list[Entry]:
    """The entries for what the order has said, emitted under these ids."""
    said: Sequence[OrderFact] = order.said
    cause, now, entries = tx.cause, datetime.now(UTC), []
    for event_id, fact in zip(ids, said, strict=True):
        after = axes_of(fact.order)
        changed = {axis: [before.get(axis), after[axis]] for axis in AXES if before.get(axis) != after[axis]}
        detail = {"version": fact.order.version, "changed": changed} | told(fact)
        entries.append(Entry(event_id, fact.topic, now, cause.actor, cause.correlation_id, cause.causation_id, detail))
        before = after
    order.said.clear()
    return entries


def axes_of(order: Order | OrderSnapshot) -> dict[str, str]:
    """Where an order is."""
    return {axis: str(getattr(order, axis)) for axis in AXES}


def told(fact: OrderFact) -> dict[str, Any]:
    """What a fact says beside its snapshot; never personal data."""
    return fact.model_dump(mode="json", exclude={"order", "person"})
