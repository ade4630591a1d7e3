"""An order under its lock while it is changed, and what has been said about it meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.events.contract import Event
from libs.events.transaction import Cause, Transaction
from services.orders.lifecycle import timeline
from services.orders.lifecycle.axes import Part
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.lines import Hold


@dataclass(frozen=True, slots=True)
class Told:
    """A fact about the order: one that was heard, or one that it said itself."""

    id: UUID
    event: Event
    depth: int  # how many rules led to it


@dataclass
class Change:
    """An order under its lock, as it was found, why it changes, and what its timeline gets.

    `heard`: the newest of a part of it, where that is news.
    """

    order: Order
    now: datetime
    cause: Cause
    heard: Part | None = None
    before: dict[str, Any] = field(init=False)
    known_holds: dict[UUID, datetime | None] = field(init=False)
    known_cut: int = field(init=False)
    entries: list[timeline.Entry] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)  # what rules have not looked at yet

    def __post_init__(self) -> None:
        self.before = timeline.state_of(self.order)
        self.known_holds = {hold.id: hold.lifted_at for hold in self.order.holds}
        self.known_cut = sum(line.cut for line in self.order.lines)

    def changed_holds(self) -> list[Hold]:
        """The holds that are new or were lifted."""
        known = self.known_holds
        return [hold for hold in self.order.holds if hold.id not in known or hold.lifted_at != known[hold.id]]

    def note(
        self,
        tx: Transaction,
        command: str,
        *,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
        personal: dict[str, Any] | None = None,
    ) -> None:
        """Let the timeline tell a command that no fact tells (`publication.switched`), with what was and what is.

        Call it before `keep`. What names or is written by a person goes into `personal`, and nowhere else.
        """
        self.entries.append(timeline.noted(tx.cause, command, before=before, after=after, personal=personal))

    async def speak(self, tx: Transaction) -> None:
        """Emit what the order has said, because of `tx.cause`; nobody emits an order's facts otherwise."""
        self._said(tx.cause, await tx.emit(self.order, *self.order.said))

    def _said(self, cause: Cause, ids: Sequence[UUID]) -> None:
        """Note what was emitted under these ids."""
        said = list(self.order.said)
        entries = timeline.spoken(cause, self.order, self.before, ids)
        self.before = timeline.state_of(self.order)
        self.entries += entries
        self.told += [Told(entry.event_id, fact, cause.depth) for entry, fact in zip(entries, said, strict=True)]

    @staticmethod
    async def all_speak(tx: Transaction, changes: "Sequence[Change]") -> None:
        """Emit what these orders have said, in one statement, each because of its own cause."""
        facts = [(change, fact) for change in changes for fact in change.order.said]
        causes = [change.cause for change, _ in facts]
        ids = iter(await tx.emit_all([(change.order, fact) for change, fact in facts], causes))
        for change in changes:
            own = [next(ids) for _ in change.order.said]
            change._said(change.cause, own)  # noqa: SLF001 - its own
