"""What notifications says: a message reached its carrier, or never will."""

from typing import ClassVar
from uuid import UUID

from libs.events.contract import Event


class MessageFact(Event):
    """A fact about one message; never its text or its recipient."""

    message: UUID
    version: int
    order_id: UUID | None = None
    kind: str  # acknowledged, paid, shipped, cancelled, new_order ...
    by: str  # mail, sms

    @property
    def key(self) -> str:
        """The order's id where the message is about one."""
        return str(self.order_id or self.message)


class NotificationSent(MessageFact):
    """The mail server or gateway took it."""

    topic: ClassVar[str] = "notification.sent"


class NotificationFailed(MessageFact):
    """It was refused for good."""

    topic: ClassVar[str] = "notification.failed"
    reason: str
