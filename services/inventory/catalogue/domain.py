"""What an item is and what a new description changes of it; which depots a channel asks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from uuid import UUID

from libs.contracts.common import Money
from libs.contracts.inventory import ItemChanged

DESCRIBED = ("name", "ean", "unit", "weight_g", "unit_cost", "archived")
"""What may be said about an item, beside its SKU."""


@dataclass(frozen=True, slots=True)
class Item:
    """An `item` row."""

    __tablename__: ClassVar[str] = "item"
    noun: ClassVar[str] = "item"
    id: UUID
    sku: str
    name: str
    ean: str | None = None
    unit: str = "pcs"
    weight_g: int | None = None
    unit_cost: Money | None = None
    archived: bool = False
    version: int = 0  # 0: not written yet

    def described(self, said: Mapping[str, Any]) -> tuple["Item", tuple[str, ...]]:
        """The item after what is `said` of it, and which members that changes; what is not said stays."""
        changed = tuple(name for name in DESCRIBED if name in said and said[name] != getattr(self, name))
        if not changed and self.version:
            return self, ()
        return replace(self, version=self.version + 1, **{name: said[name] for name in changed}), changed

    def fact(self) -> ItemChanged:
        """The full row as the world is told."""
        return ItemChanged(
            id=self.id,
            version=self.version,
            sku=self.sku,
            name=self.name,
            ean=self.ean,
            unit=self.unit,
            weight_g=self.weight_g,
            unit_cost=self.unit_cost,
            archived=self.archived,
        )


@dataclass(frozen=True, slots=True)
class Depots:
    """Which depots each channel asks for goods, first the one to ask first."""

    active: tuple[str, ...]  # all that are in use, by priority
    channels: Mapping[str, tuple[str, ...]]

    def of(self, channel: str) -> tuple[str, ...]:
        """A channel's depots that are in use; all of them while nothing is known of the channel, or it names none."""
        named = self.channels.get(channel) or self.active
        return tuple(code for code in dict.fromkeys(named) if code in self.active)

    def knows(self, channel: str) -> bool:
        """Whether orders has told of this channel."""
        return channel in self.channels
