"""What applying a status would do: it is really applied, looked at, and undone."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from libs.contracts.common import Money, Person
from libs.contracts.statuses import StatusText
from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.problems import Conflict, Problem
from libs.service.sms import measured
from libs.service.texts import fill, named
from services.orders.lifecycle.domain import Order
from services.orders.statuses import entry_store
from services.orders.statuses.applying import Applied, apply_status
from services.orders.statuses.bulk import Item
from services.orders.statuses.domain import text_for

LINKS = frozenset({"tracking_link", "courier_link"})
"""What only notifications can fill in, when it writes."""


class _Undone(Exception):  # noqa: N818 - no error: the way out of a transaction that leaves nothing
    """Everything was looked at."""


@dataclass
class Foreseen:
    """What would happen."""

    outcome: str  # applied, noop or refused
    refusal: Problem | None = None
    publish: bool = False
    invoice: bool = False
    mail: dict[str, Any] | None = None
    sms: dict[str, Any] | None = None
    says: list[str] = field(default_factory=list)  # the topics, in order
    rules: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


async def foresee(uow: UnitOfWork, cause: Cause, wanted: Item, if_match: int | None, *, masked: bool) -> Foreseen:
    """Apply a status in a transaction that is rolled back; NotFound and Invalid as for applying it."""
    found = Foreseen("noop")
    try:
        async with uow(cause) as tx:
            found = await _looked_at(tx, wanted, if_match, masked=masked)
            raise _Undone  # noqa: TRY301 - the way out
    except _Undone:
        return found


async def _looked_at(tx: Transaction, wanted: Item, if_match: int | None, *, masked: bool) -> Foreseen:
    try:
        applied = await apply_status(tx, wanted.order_id, wanted.status, wanted.actions, wanted.comment, if_match)
    except Conflict as refusal:
        return Foreseen("refused", refusal)
    facts = [entry.event_id for entry in applied.change.entries]
    says = [entry.topic for entry in applied.change.entries]
    if applied.entry is None:
        return Foreseen("refused" if applied.refusal else "noop", applied.refusal, says=says)
    found = Foreseen("applied", says=says, publish=applied.entry.actions.publish, invoice=applied.entry.actions.invoice)
    _messages(found, applied, wanted.comment, masked=masked)
    found.rules = await _rules(tx, wanted.order_id, facts)
    return found


async def _rules(tx: Transaction, order_id: UUID, facts: list[UUID]) -> list[dict[str, Any]]:
    return [dict(row) for row in await entry_store.by_rules(tx, order_id, facts)]


def _messages(found: Foreseen, applied: Applied, comment: str | None, *, masked: bool) -> None:
    entry, order = applied.entry, applied.change.order
    if entry is None:
        return
    text, person = text_for(entry.definition, order.language), order.person or Person()
    if entry.actions.mail:
        if person.email:
            to = mask(person.email) if masked else person.email
            found.mail = {"to": to, "language": text.language, "subject": text.name}
        else:
            found.warnings.append("no mail: no e-mail address is known")
        if not text.message:
            found.warnings.append(f"the mail has no text in {text.language}")
    if entry.actions.sms:
        _sms(found, text, order, comment, masked=masked)


def _sms(found: Foreseen, text: StatusText, order: Order, comment: str | None, *, masked: bool) -> None:
    person = order.person or Person()
    if not person.phone:
        found.warnings.append("no SMS: no phone number is known")
        return
    if not text.sms:
        found.warnings.append(f"no SMS: the status has no text for it in {text.language}")
        return
    told = measured(fill(text.sms, _values(order, comment)))
    if links := sorted(named(text.sms) & LINKS):
        found.warnings.append(f"the SMS is counted without {' and '.join(links)}: filled in when it is sent")
    to = mask(person.phone) if masked else person.phone
    found.sms = {
        "to": to,
        "language": text.language,
        "encoding": str(told.encoding),
        "parts": len(told.parts),
    }


def _values(order: Order, comment: str | None) -> dict[str, str]:
    """What stands for variables, as far as the order knows: links and the shop's name are filled in when it is sent."""
    return {
        "order_number": order.number,
        "customer_name": (order.person.name if order.person else None) or "",
        "total": " ".join(str(part) for part in Money(order.due, order.currency).wire().values()),
        "awb": ", ".join(each.awb for each in order.awbs()),
        "comment": comment or "",
        "shop": order.channel,
    }


def mask(address: str) -> str:
    """Enough to recognise an address or a number, not enough to write to it."""
    name, at, host = address.partition("@")
    return f"{name[:1]}***@{host}" if at else f"***{address[-3:]}"
