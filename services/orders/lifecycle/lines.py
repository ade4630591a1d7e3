"""What an order is made of while it moves: its lines, and the holds that stop it. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from libs.contracts.orders import HoldKind


@dataclass
class Line:
    """What an order knows of a line while it moves; all else of the line never changes."""

    id: UUID
    position: int
    sku: str
    name: str
    unit: str
    unit_price: int
    total: int
    quantity: int
    vat_rate: str | None = None
    weight_g: int | None = None
    ships: bool = True
    cut: int = 0

    @property
    def wanted(self) -> int:
        """What is still to reach the customer."""
        return self.quantity - self.cut

    @property
    def cut_value(self) -> int:
        """What the customer does not pay because of what was cut."""
        return (2 * self.total * self.cut + self.quantity) // (2 * self.quantity)


@dataclass
class Hold:
    """A reason why the order may not go on. Of one kind about one thing there is one hold, ever."""

    id: UUID
    kind: HoldKind
    about: str
    reason: str
    placed_at: datetime
    placed_by: str
    fields: list[dict[str, str]] = field(default_factory=list)
    lifted_at: datetime | None = None
    lifted_by: str | None = None
