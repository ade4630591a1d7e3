"""Every statement about what a customer may see."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from libs.contracts.statuses import StatusText
from libs.events.transaction import Transaction
from services.orders.desk.following.domain import NOT_SHOWN, Followed
from services.orders.statuses.domain import Definition, text_for
from services.orders.statuses.store import from_row

_FOLLOWED = """
SELECT o.id, o.number, o.version, o.customer_id, o.language, o.payment, o.visible, o.tracking_token,
       o.person IS NULL AS forgotten, o.person->>'name' AS name, c.name AS shop, c.shop_email, c.shop_url, c.time_zone,
       c.history_published, c.account, c.tracking_url, c.tracking_days, (SELECT mode FROM status_settings) AS mode
FROM orders o JOIN channel c ON c.code = o.channel WHERE o.id = $1
"""
_OWN = """
SELECT o.id, o.number, o.placed_at, o.lifecycle, o.fulfilment, o.payment, o.currency, o.total, o.language,
       o.person->>'name' AS name, c.name AS shop, c.time_zone, (SELECT mode FROM status_settings) AS mode
FROM orders o JOIN channel c ON c.code = o.channel
WHERE o.customer_id = $1 AND c.account
  AND coalesce(o.visible, c.history_published AND o.payment <> ALL ($2::text[]))
  AND ($3::timestamptz IS NULL OR (o.placed_at, o.id) < ($3, $4::uuid))
ORDER BY o.placed_at DESC, o.id DESC LIMIT $5
"""
_PERMIT = """
UPDATE orders SET visible = $2, tracking_token = $3,
    person = CASE WHEN $4::text IS NULL THEN person - 'tracking'
                  ELSE jsonb_set(person, '{tracking}', to_jsonb($4::text)) END
WHERE id = $1
"""

_ENTRY = "e.id AS entry_id, e.order_id, e.track AS entry_track, e.applied_at, e.comment, s.*"
_ENTRIES = "FROM status_entry e JOIN status s ON s.id = e.status_id"
_PUBLISHED = f"""
SELECT {_ENTRY} {_ENTRIES} WHERE e.order_id = $1 AND e.published
  AND ($2::uuid IS NULL OR e.number < (SELECT number FROM status_entry WHERE id = $2 AND order_id = $1))
ORDER BY e.number DESC LIMIT $3
"""  # noqa: S608 - constants
_LAST = f"""
SELECT DISTINCT ON (e.order_id, e.track) {_ENTRY} {_ENTRIES} WHERE e.order_id = ANY($1::uuid[]) AND e.published
ORDER BY e.order_id, e.track, e.number DESC
"""


@dataclass(frozen=True, slots=True)
class Published:
    """A status that an order got and that its customer may see."""

    id: UUID
    order_id: UUID
    track: str
    at: datetime
    comment: str | None
    definition: Definition

    @classmethod
    def of(cls, row: Any) -> "Published":
        """From its row."""
        found = (row["entry_id"], row["order_id"], row["entry_track"], row["applied_at"], row["comment"])
        return cls(*found, from_row(row))

    @property
    def colour(self) -> str:
        """As it is shown."""
        return self.definition.colour

    @property
    def text_colour(self) -> str:
        """What can be read on it."""
        return self.definition.text_colour

    def text(self, language: str) -> StatusText:
        """What it says in the nearest language it has."""
        return text_for(self.definition, language)


async def followed(tx: Transaction, order_id: UUID) -> Followed | None:
    """What decides about an order being seen."""
    row = await tx.sql.fetchrow(_FOLLOWED, order_id)
    return Followed.of(row) if row else None


async def own(
    tx: Transaction, customer_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """The orders that a customer sees in their account, the newest first, from behind `after`."""
    place = after or (None, None)
    rows = await tx.sql.fetch(_OWN, customer_id, sorted(NOT_SHOWN), *place, limit)
    return [dict(row) for row in rows]


async def permit(
    tx: Transaction,
    order_id: UUID,
    visible: bool | None,  # noqa: FBT001 - a column
    token: str | None,
    told: str | None,
) -> None:
    """Write who may see a locked order; `told`: the token that facts about it carry from now on."""
    await tx.sql.execute(_PERMIT, order_id, visible, token, told)


async def published(tx: Transaction, order_id: UUID, after: UUID | None, limit: int) -> list[Published]:
    """What was published of an order's statuses, the newest first, from behind the entry `after`."""
    rows = await tx.sql.fetch(_PUBLISHED, order_id, after, limit)
    return [Published.of(row) for row in rows]


async def published_last(tx: Transaction, order_ids: Collection[UUID]) -> dict[UUID, list[Published]]:
    """The newest published one of each track of these orders."""
    found: dict[UUID, list[Published]] = {}
    for row in await tx.sql.fetch(_LAST, list(order_ids)):
        found.setdefault(row["order_id"], []).append(Published.of(row))
    return found
