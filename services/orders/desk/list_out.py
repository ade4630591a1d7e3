"""An order in a list, and how many orders there are of each kind, as the desk sees them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
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


class ListPage(BaseModel):
    """A page of a list; `next` is the `after` of the page that follows, `previous` the `before` of the one before."""

    items: list[ListedOut]
    next: str | None = None
    previous: str | None = None


def page_json(
    rows: Sequence[Mapping[str, Any]],
    statuses: Mapping[UUID, Definition],
    language: str,
    following: str | None,
    before: str | None,
) -> bytes:
    """A `ListPage` as JSON, from rows of a list, the definitions of what stands on them, and its two cursors."""
    standing = {each for row in rows for each in row["standing"]}
    named = {each: standing_out(statuses[each], language).model_dump(mode="json") for each in standing}
    items = [_listed(row, [named[each] for each in row["standing"]]) for row in rows]
    page = {"items": items, "next": following, "previous": before}
    return orjson.dumps(page, default=str, option=orjson.OPT_UTC_Z)  # the driver's UUID is text by `default`


def _listed(row: Mapping[str, Any], statuses: list[dict[str, Any]]) -> dict[str, Any]:
    """A `ListedOut`, which is not checked again: the table's own constraints have."""
    return {
        "id": row["id"],
        "number": row["number"],
        "version": row["version"],
        "channel": row["channel"],
        "external_id": row["external_id"],
        "placed_at": row["placed_at"],
        "historic": row["historic"],
        "lifecycle": row["lifecycle"],
        "stock": row["stock"],
        "payment": row["payment"],
        "fulfilment": row["fulfilment"],
        "holds": row["holds"],
        "cancel_requested": row["cancel_request"] is not None,
        "cancel_reason": row["cancel_reason"],
        "total": Money(row["total"], row["currency"]).wire(),
        "customer_id": row["customer_id"],
        "name": row["name"],
        "statuses": statuses,
        "indicator": row["indicator"],
        "overdue": row["overdue"],
        "has_awb": bool(row["awbs"]),
        "due_at": row["due_at"],
        "updated_at": row["updated_at"],
    }


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
