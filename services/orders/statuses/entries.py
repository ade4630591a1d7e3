"""Applying a status: what may be applied where, what the order then says, and the entry that stays. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.contracts.orders import CancelReason, Lifecycle
from libs.contracts.statuses import StatusActions, StatusChanged, StatusTrack, StatusType
from libs.events.transaction import new_id
from libs.service.problems import Conflict
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.handlers import ask_for_parcel, ask_to_cancel
from services.orders.statuses.domain import Definition, Mode, Transitions, effective, text_for


class StatusesOff(Conflict):
    """Statuses are switched off: PUT /v1/statuses/settings."""

    slug = "statuses-off"


class StatusArchived(Conflict):
    """The status is archived: it can be applied no more."""

    slug = "status-archived"


class TransitionNotAllowed(Conflict):
    """This status may not follow the one that stands."""

    slug = "transition-not-allowed"


class NotCompletable(Conflict):
    """The order cannot be completed yet."""

    slug = "not-completable"


@dataclass(frozen=True, slots=True)
class Wish:
    """A status to be applied: who chose what for this use, or which rule because of which fact."""

    definition: Definition
    actions: Mapping[str, bool] = field(default_factory=dict)  # what is to be otherwise than the status says
    comment: str | None = None
    rule: UUID | None = None
    fact: UUID | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A status as it was applied to an order."""

    id: UUID
    order_id: UUID
    number: int
    definition: Definition
    previous: UUID | None
    applied_at: datetime
    applied_by: str
    rule: UUID | None
    fact: UUID | None
    comment: str | None
    actions: StatusActions  # what really happened, by how statuses are used here


@dataclass(slots=True)
class Around:
    """What decides about statuses of some locked orders, kept up to date as they are applied."""

    mode: Mode
    moves: dict[StatusTrack, Transitions]
    names: dict[UUID, str]  # the mnemonics of what moves name
    standing: dict[tuple[UUID, StatusTrack], UUID]
    numbers: dict[UUID, int]  # how many entries an order has


def put(change: Change, wish: Wish, around: Around, by: str) -> Entry | None:
    """Let the order have it: its type asks the state machine, then the order says `status.changed`.

    None, and nothing happened, where it stands already. Conflict, and nothing happened, where it may not be.
    """
    order, definition = change.order, wish.definition
    if around.mode is Mode.OFF:
        raise StatusesOff
    place = (order.id, definition.track)
    previous = around.standing.get(place)
    if previous == definition.id:
        return None
    if definition.archived:
        raise StatusArchived(f"{definition.mnemonic} is archived", field="status")
    _may_follow(around, previous, definition)
    if not order.historic:
        _ask(order, definition.type)
    around.standing[place] = definition.id
    number = around.numbers[order.id] = around.numbers.get(order.id, 0) + 1
    told = effective(around.mode, definition.actions.model_copy(update=dict(wish.actions)))
    entry = Entry(
        *(new_id(), order.id, number, definition, previous, change.now, by),
        *(wish.rule, wish.fact, wish.comment, told),
    )
    _say(order, entry)
    return entry


def _may_follow(around: Around, previous: UUID | None, definition: Definition) -> None:
    moves = around.moves.get(definition.track, Transitions())
    if moves.allow(previous, definition.id):
        return
    allowed = ", ".join(sorted(around.names[each] for each in moves.after(previous))) or "nothing"
    stands = f"{around.names.get(previous, 'another status')} stands" if previous else "no status stands"
    raise TransitionNotAllowed(
        f"{stands} on track {definition.track}; what may follow: {allowed}; not {definition.mnemonic}", field="status"
    )


def _ask(order: Order, kind: StatusType) -> None:
    """What a type asks of the order; Conflict where its state machine refuses."""
    match kind:
        case StatusType.CANCELLED if order.lifecycle is not Lifecycle.CANCELLED:
            ask_to_cancel(order, CancelReason.SHOP)
        case StatusType.READY_TO_SHIP if not order.ready:
            ask_for_parcel(order)
        case StatusType.COMPLETED if order.lifecycle is not Lifecycle.COMPLETED:
            raise NotCompletable(f"the order cannot be completed: {why_not_complete(order)}")


def why_not_complete(order: Order) -> str:
    """What an order still lacks."""
    if order.lifecycle is Lifecycle.CANCELLED:
        return "it is cancelled"
    if order.lifecycle is Lifecycle.OPEN:
        return "it is not confirmed"
    held = sorted({hold.kind for hold in order.standing})
    reasons = [f"it is held ({', '.join(held)})"] if held else []
    reasons += ["shipping is asked to let it go"] if order.cancel_request else []
    reasons += [] if order.delivered_told else ["not everything is delivered"]
    reasons += [] if order.paid_told or order.total == 0 else ["it is not paid"]
    return ", ".join(reasons) or "something of it is still on its way"


def _say(order: Order, entry: Entry) -> None:
    definition = entry.definition
    fact = order.say(
        StatusChanged,
        entry=entry.id,
        status=definition.id,
        type=definition.type,
        track=definition.track,
        colour=definition.colour,
        text=text_for(definition, order.language),
        published=entry.actions.publish,
        actions=entry.actions,
        previous=entry.previous,
        applied_at=entry.applied_at,
    )
    if entry.comment is not None and fact.person is not None:
        person = fact.person.model_copy(update={"comment": entry.comment})
        order.said[-1] = fact.model_copy(update={"person": person})
