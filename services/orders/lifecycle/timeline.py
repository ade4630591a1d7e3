"""The timeline: every fact about an order, of whatever service, numbered without a gap under the order's lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.contracts.orders import OrderFact, OrderSnapshot
from libs.events.envelope import Envelope
from libs.events.transaction import Cause, new_id
from services.orders.lifecycle.domain import Order

AXES = ("lifecycle", "stock", "payment", "fulfilment")
PLAIN = (*AXES, "delivery_method", "payment_method", "cancel_reason")
WORDS = frozenset({"reason", "what", "failures", "comment"})
"""Members that hold what somebody, or some other system, put in words: they may name a person."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row to be; its number comes when it is written."""

    event_id: UUID
    topic: str
    at: datetime
    actor: str
    correlation_id: UUID
    causation_id: UUID | None
    detail: dict[str, Any]  # nothing personal
    before: dict[str, Any] | None = None  # what changed, as it was; nothing personal
    after: dict[str, Any] | None = None  # and as it is now
    personal: dict[str, Any] | None = None  # goes with the person when they are erased; chained by a salted digest


def heard(fact: Envelope, detail: dict[str, Any]) -> Entry:
    """The entry of a fact that was heard; what somebody put in words is taken as personal."""
    words = {name: value for name, value in detail.items() if name in WORDS}
    rest = {name: value for name, value in detail.items() if name not in WORDS}
    who = (fact.actor, fact.correlation_id, fact.causation_id)
    return Entry(fact.id, fact.type, fact.time, *who, rest, personal=words or None)


def noted(
    cause: Cause,
    topic: str,
    *,
    detail: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    personal: dict[str, Any] | None = None,
) -> Entry:
    """The entry of a command that no fact tells; its topic is the command's name."""
    who = (cause.actor, cause.correlation_id, cause.causation_id)
    return Entry(new_id(), topic, datetime.now(UTC), *who, detail or {}, before, after, personal or None)


def spoken(cause: Cause, order: Order, before: dict[str, Any], ids: Sequence[UUID]) -> list[Entry]:
    """The entries for what the order has said, emitted under these ids; it has nothing more to say then."""
    said: Sequence[OrderFact] = order.said
    now, entries = datetime.now(UTC), []
    for event_id, fact in zip(ids, said, strict=True):
        after = _state_told(fact.order)
        changed = [name for name in after if before.get(name) != after[name]]
        was, now_is = (
            {name: before[name] for name in changed if name in before},
            {name: after[name] for name in changed},
        )
        detail, personal = told(fact)
        who = (cause.actor, cause.correlation_id, cause.causation_id)
        entries.append(Entry(event_id, fact.topic, now, *who, detail, was, now_is, personal or None))
        before = after
    order.said.clear()
    return entries


def state_of(order: Order) -> dict[str, Any]:
    """Where an order is: all of it that before and after are told of."""
    holds = sorted({str(hold.kind) for hold in order.standing})
    return _state(order, holds, order.due, order.cancel_wanted if order.cancel_request else None)


def _state_told(order: OrderSnapshot) -> dict[str, Any]:
    wanted = order.cancel_request.reason if order.cancel_request else None
    return _state(order, [str(kind) for kind in order.holds], order.total.minor, wanted)


def _state(order: Order | OrderSnapshot, holds: list[str], due: int, wanted: str | None) -> dict[str, Any]:
    plain = {name: getattr(order, name) for name in PLAIN}
    words = {name: value if value is None else str(value) for name, value in plain.items()}
    asked = str(wanted) if wanted else None
    return words | {"holds": holds, "due": due, "round": order.round, "ready": order.ready, "cancel_requested": asked}


def told(fact: OrderFact) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a fact says beside its snapshot, and apart from it what a person wrote."""
    members = fact.model_dump(mode="json", exclude={"order", "person"})
    written = {name for name in WORDS & members.keys() if type(getattr(fact, name)) is str}  # an enum is nobody's words
    personal = {name: members.pop(name) for name in written}
    if fact.person and fact.person.comment:
        personal["comment"] = fact.person.comment
    return {"version": fact.order.version} | members, personal


def shown(row: Mapping[str, Any], *, personal: bool) -> dict[str, Any]:
    """The detail of a row as the timeline shows it; with what is personal only to who may see that."""
    detail = dict(row["detail"])
    if "version" in detail and row["after"] is not None:
        before = row["before"] or {}
        detail["changed"] = {axis: [before.get(axis), row["after"][axis]] for axis in AXES if axis in row["after"]}
    return detail | (row["personal"] or {} if personal else {})
