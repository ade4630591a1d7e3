"""Rules as data: on which facts they wait, what their conditions may name, and when these hold. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from uuid import UUID

from libs.contracts.common import Cost, CostRecorded, Money, WorkCleared, WorkStuck
from libs.contracts.notifications import NotificationFailed, NotificationSent
from libs.contracts.orders import (
    EVERY_ORDER_FACT,
    CancelReason,
    DeliveryKind,
    FulfilmentAxis,
    HoldKind,
    Lifecycle,
    OrderInTime,
    OrderOverdue,
    Overdue,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.contracts.statuses import StatusChanged, StatusTrack, StatusType
from libs.events.contract import Event
from services.orders.lifecycle.consumers import PAYMENT, SHIPMENT, STOCK
from services.orders.lifecycle.domain import Order
from services.orders.statuses.domain import Definition

DEEPEST = 8
"""How many rules may lead to one fact, each by the fact of the one before."""

HEARD: tuple[type[Event], ...] = (
    *(*STOCK, *PAYMENT, *SHIPMENT),
    *(NotificationSent, NotificationFailed, CostRecorded, WorkStuck, WorkCleared),
)
SAID: tuple[type[Event], ...] = (*EVERY_ORDER_FACT, OrderOverdue, OrderInTime, StatusChanged)
TOPICS: dict[str, type[Event]] = {fact.topic: fact for fact in (*SAID, *HEARD)}
"""Every fact about an order that orders says or hears."""


class Op(StrEnum):
    """How a field is compared."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    GT = "gt"
    LT = "lt"
    EXISTS = "exists"


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition may name: `kind` is text, amount, truth or many (texts of which one is enough)."""

    about: str
    kind: str = "text"
    values: tuple[str, ...] = ()

    @property
    def ops(self) -> tuple[Op, ...]:
        """How it may be compared."""
        match self.kind:
            case "amount":
                return (Op.EQ, Op.NE, Op.GT, Op.LT)
            case "truth":
                return (Op.EQ, Op.NE)
        return (Op.EQ, Op.NE, Op.IN, Op.EXISTS)


def _one_of(about: str, values: type[StrEnum], kind: str = "text") -> Field:
    return Field(about, kind, tuple(values))


OF_ORDER: dict[str, Field] = {
    "channel": Field("the code of the channel that it came by"),
    "language": Field("the order's language (BCP 47)"),
    "country": Field("where it is sent, else billed (ISO 3166-1)"),
    "payment_kind": _one_of("how its money moves", PaymentKind),
    "payment_method": Field("the code of its payment method"),
    "delivery_kind": _one_of("how its goods travel", DeliveryKind),
    "delivery_method": Field("the code of its delivery method"),
    "currency": Field("its currency"),
    "total": Field("what the customer pays, in the order's currency, such as 150.00", "amount"),
    "lifecycle": _one_of("how far it is", Lifecycle),
    "stock": _one_of("what inventory says", StockAxis),
    "payment": _one_of("what payments says", PaymentAxis),
    "fulfilment": _one_of("where its parcels are", FulfilmentAxis),
    "hold": _one_of("why it is held; one of several is enough", HoldKind, "many"),
    "sku": Field("what was ordered; one of several is enough", "many"),
    "customer_known": Field("whether it belongs to a known customer", "truth"),
}
"""What every rule may ask about the order, as it is when the rule runs."""

_MESSAGE = {"message_kind": Field("what the message was about"), "message_by": Field("mail or sms")}
_WORK = {"work_kind": Field("what kind of work stands still"), "service": Field("where it does")}
_OF_FACT: dict[str, dict[str, Field]] = {
    "status.changed": {
        "status": Field("the status that was set: its mnemonic or its id"),
        "status_type": _one_of("the type of that status", StatusType),
        "track": _one_of("the track of that status", StatusTrack),
    },
    "order.held": {"hold_kind": _one_of("why it was held just now", HoldKind)},
    "order.released": {"hold_kind": _one_of("which hold was lifted", HoldKind)},
    "order.cancelled": {"reason": _one_of("why it was cancelled", CancelReason)},
    "order.overdue": {"overdue": _one_of("what it is late with", Overdue)},
    "order.in_time": {"overdue": _one_of("what it is not late with any more", Overdue)},
    "notification.sent": _MESSAGE,
    "notification.failed": _MESSAGE,
    "cost.recorded": {"cost_kind": _one_of("what it cost", Cost)},
    "work.stuck": _WORK,
    "work.cleared": {"service": _WORK["service"]},
}


def fields_of(topic: str) -> dict[str, Field]:
    """What the conditions of a rule on that topic may name."""
    return OF_ORDER | _OF_FACT.get(topic, {})


@dataclass(frozen=True, slots=True)
class Condition:
    """A field, how it is compared, and with what."""

    field: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Rule:
    """On a fact of this topic, where all conditions hold, this status is set."""

    id: UUID
    version: int
    name: str
    topic: str
    conditions: tuple[Condition, ...]
    definition: Definition
    active: bool
    position: int


def wrong(topic: str, condition: Condition) -> tuple[str, str] | None:
    """Which member of a condition is wrong (field, op or value), and how; None when it is fine."""
    known = fields_of(topic)
    if condition.field not in known:
        return "field", f"{topic} knows {', '.join(known)}"
    field = known[condition.field]
    if condition.op not in field.ops:
        return "op", f"{condition.field} is compared by {', '.join(field.ops)}"
    found = _wrong_value(field, condition)
    return ("value", found) if found else None


def _wrong_value(field: Field, condition: Condition) -> str | None:
    value = condition.value
    if condition.op is Op.EXISTS or field.kind == "truth":
        return None if isinstance(value, bool) else "is true or false"
    if field.kind == "amount":
        return None if _amount(value) is not None else "is an amount as text, such as 150.00"
    values = value if condition.op is Op.IN else [value]
    if not isinstance(values, list) or not values or not all(isinstance(each, str) and each for each in values):
        return "is a list of words" if condition.op is Op.IN else "is a word"
    strange = [each for each in values if field.values and each not in field.values]
    return f"{', '.join(strange)}: there are {', '.join(field.values)}" if strange else None


def _amount(value: Any) -> Decimal | None:
    try:
        found = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def values_of(order: Order, fact: Event) -> dict[str, Any]:
    """What the conditions of a rule look at."""
    person = order.person
    address = (person.shipping or person.billing) if person else None
    names = ("channel", "language", "currency", "payment_method", "delivery_method")
    kinds = ("payment_kind", "delivery_kind", "lifecycle", "stock", "payment", "fulfilment")
    return {name: getattr(order, name) for name in (*names, *kinds)} | {
        "country": address.country if address else None,
        "total": Decimal(str(Money(order.due, order.currency).wire()["amount"])),
        "hold": [hold.kind for hold in order.standing],
        "sku": [line.sku for line in order.lines],
        "customer_known": order.customer_id is not None,
        **_said_by(fact),
    }


_MEMBER = {
    "status": "status",
    "status_type": "type",
    "track": "track",
    "reason": "reason",
    "service": "service",
    "hold_kind": "kind",
    "overdue": "kind",
    "message_kind": "kind",
    "cost_kind": "kind",
    "work_kind": "kind",
    "message_by": "by",
}


def _said_by(fact: Event) -> dict[str, Any]:
    return {name: str(getattr(fact, _MEMBER[name])) for name in _OF_FACT.get(fact.topic, {})}


def holds(conditions: Sequence[Condition], values: Mapping[str, Any]) -> bool:
    """Whether every condition holds; one that names what is not known does not, but for `ne` and `exists`."""
    return all(_holds(condition, values.get(condition.field)) for condition in conditions)


def _holds(condition: Condition, found: Any) -> bool:
    wanted = condition.value
    if isinstance(found, Decimal):
        wanted = _amount(wanted)
    many = found if isinstance(found, list) else [] if found is None else [found]
    match condition.op:
        case Op.EQ:
            return wanted in many
        case Op.NE:
            return wanted not in many
        case Op.IN:
            return any(each in wanted for each in many)
        case Op.GT:
            return any(each > wanted for each in many)
        case Op.LT:
            return any(each < wanted for each in many)
        case Op.EXISTS:
            return bool(many) is wanted
