"""What stands still and why: said by every service in the same words, so that an order can tell what it waits for."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from libs.events.contract import Event, known


class Stuck(StrEnum):
    """The kinds of work that can stand still."""

    DEAD_LETTER = "dead_letter"  # a fact that a consumer could not take
    PAUSED = "paused"  # a partition that a consumer stopped reading
    REFUSED_FACT = "refused_fact"  # a fact the broker will not take
    UNKNOWN_CALL = "unknown_call"  # an outside call whose outcome is not known yet
    REFUSED_CALL = "refused_call"  # an outside call that was our mistake
    NOT_COVERED = "not_covered"  # an order whose reserved goods are not on hand any more
    PARKED = "parked"  # something from outside that matches nothing here


class _Work(Event):
    work: UUID  # the row that stands still: the aggregate
    version: int  # newer says what is true
    service: str
    order_id: UUID | None = None

    @property
    def key(self) -> str:
        """The order's id where the work concerns one."""
        return str(self.order_id or self.work)


class WorkStuck(_Work):
    """Something needs time or a person; said again whenever what is known about it changes."""

    topic: ClassVar[str] = "work.stuck"
    kind: known(Stuck)  # type: ignore[valid-type]
    what: str  # a sentence for a person, without personal data
    since: datetime
    next_try: datetime | None = None  # None: waits for a person


class WorkCleared(_Work):
    """It moves again, or nobody needs it any more."""

    topic: ClassVar[str] = "work.cleared"
