"""An order in a list, and how many orders there are of each kind, as the desk sees them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from libs.contracts.common import Money
from services.orders.lifecycle.out import SummaryOut
from services.orders.statuses.domain import Definition, text_for


class StandingOut(BaseModel):
    """A status that stands."""

    id: UUID
    mnemonic: str
    track: str
    name: str = Field(description="In the language asked for, else the nearest.")
    colour: str
    text_colour: str


class ListedOut(SummaryOut):
    """An order in a list."""

    statuses: list[StandingOut] = Field(description="The one that stands on each track.")
    indicator: str | None
    overdue: list[str] = Field(description="What is past its deadline: payment, delivery.")
    has_awb: bool
    due_at: datetime | None = Field(description="Its nearest open deadline.")
    updated_at: datetime

    @classmethod
    def listed(cls, row: dict[str, Any], statuses: Mapping[UUID, Definition], language: str) -> Self:
        """From a row of a list and the definitions of what stands."""
        told = {"total": Money(row["total"], row["currency"]), "cancel_requested": row["cancel_request"] is not None}
        standing = [standing_out(statuses[each], language) for each in row["standing"]]
        return cls.model_validate(row | told | {"statuses": standing, "has_awb": bool(row["awbs"])})


class ListPage(BaseModel):
    """A page of a list; `next` is the `after` of the page that follows, `previous` the `before` of the one before."""

    items: list[ListedOut]
    next: str | None = None
    previous: str | None = None


class StatusCount(BaseModel):
    """How many orders a status stands on."""

    id: UUID
    mnemonic: str
    track: str
    archived: bool
    orders: int


class BucketCount(BaseModel):
    """How many orders a one-click list holds, and which those are."""

    bucket: str
    what: str
    orders: int


class Counts(BaseModel):
    """How many orders there are of each kind, exact at one instant."""

    lifecycle: dict[str, int]
    buckets: list[BucketCount]
    statuses: list[StatusCount]


def standing_out(definition: Definition, language: str) -> StandingOut:
    """As a list shows it."""
    return StandingOut(
        id=definition.id,
        mnemonic=definition.mnemonic,
        track=definition.track,
        name=text_for(definition, language).name or definition.mnemonic,
        colour=definition.colour,
        text_colour=definition.text_colour,
    )
