"""What orders says of its customers: what they want to be told, and that one of them is forgotten."""

from typing import ClassVar
from uuid import UUID

from libs.events.contract import Event


class CustomerFact(Event):
    """A fact about one customer."""

    id: UUID
    version: int

    @property
    def key(self) -> str:
        """The customer's id."""
        return str(self.id)


class CustomerChanged(CustomerFact):
    """How a customer wants to be told; without a language, as the order or the shop says."""

    topic: ClassVar[str] = "customer.changed"
    language: str | None = None  # BCP 47
    by_mail: bool = True
    by_sms: bool = True


class CustomerErased(CustomerFact):
    """A customer's personal data is to be forgotten, everywhere; money and law stay.

    `orders`: all orders of that customer, so that a service need not know whose an order is.
    """

    topic: ClassVar[str] = "customer.erased"
    orders: tuple[UUID, ...] = ()
