"""What a customer reads of an order, put together from its rows: in their account, and on the page of its link."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from libs.contracts.common import Money, Quantity
from libs.contracts.statuses import StatusTrack
from libs.events.transaction import Transaction
from libs.service.texts import fill, named
from services.orders.customers.links import Links, same
from services.orders.desk.customers_view import (
    CustomersParcelOut,
    PublishedOut,
    StandingOut,
    due_on_delivery,
    parcel_out,
    parcels_of,
)
from services.orders.desk.following import store, wording
from services.orders.desk.following.domain import SHOWN_TO_CUSTOMERS, Followed
from services.orders.desk.following.store import Published
from services.orders.desk.out import OrderOut
from services.orders.desk.store import one_view, whole

MOST_ENTRIES = 100
"""The newest of a history that the page of a link shows; the account pages through all of it."""
MOST_LINES = 50
TRACKS = tuple(StatusTrack)


class ShopOut(BaseModel):
    """Who sold it."""

    name: str
    email: str | None
    url: str | None


class FollowedLineOut(BaseModel):
    """What was ordered, in short."""

    name: str
    quantity: Quantity
    unit: str


class FollowedOut(BaseModel):
    """An order as its link shows it: links are passed on, so nobody's name or address stands here."""

    number: str
    language: str
    placed_at: datetime
    shop: ShopOut
    statuses: list[PublishedOut]
    history: list[PublishedOut]
    parcels: list[CustomersParcelOut]
    lines: list[FollowedLineOut]
    more_lines: int
    total: Money
    due_on_delivery: Money | None


class Texts:
    """Fills the texts of statuses for one order and its reader."""

    def __init__(self, found: Followed, order: OrderOut, link: str | None, language: str) -> None:
        self._found = found
        self._order = order
        self._link = link
        self._language = language
        self._values: dict[str, dict[str, str]] = {}

    def told(self, entry: Published) -> PublishedOut:
        """A published entry in the reader's language, or the nearest that its status has."""
        text = entry.text(self._language)
        values = self._known(text.language) | {"comment": entry.comment or ""}
        says = text.message is not None and "comment" in named(text.message)
        return PublishedOut(
            track=entry.track,
            name=fill(text.name, values),
            message=fill(text.message, values) if text.message else None,
            comment=None if says else entry.comment,
            language=text.language,
            colour=entry.colour,
            text_colour=entry.text_colour,
            at=entry.at,
        )

    def _known(self, language: str) -> dict[str, str]:
        if language not in self._values:
            order = self._order
            figures = {
                "placed_at": order.placed_at,
                "total": order.due,
                "due_on_delivery": due_on_delivery(order),
            }
            parcels = parcels_of(order)
            self._values[language] = wording.values(self._found, figures, parcels, self._link, language)
        return self._values[language]


def signed(links: Links, token: str) -> UUID | None:
    """The order whose token this is, were it not revoked; None for garbage and when it is late. Asks no database."""
    ticket = links.read(token)
    return None if ticket is None or ticket.expires_at <= datetime.now(UTC) else ticket.order_id


async def opened_by(tx: Transaction, order_id: UUID, token: str) -> Followed | None:
    """The order that its token opens now; None when another has replaced it, or the order is not shown."""
    await one_view(tx)
    found = await store.followed(tx, order_id)
    return found if found is not None and same(found.tracking_token, token) and found.by_link else None


async def by_link(tx: Transaction, found: Followed, link: str, language: str) -> FollowedOut:
    """What the link of an order shows."""
    order = await _whole(tx, found.id)
    entries = await store.published(tx, found.id, None, MOST_ENTRIES) if found.has_history else []
    texts = Texts(found, order, link, language)
    history = [texts.told(entry) for entry in entries]
    kept = [line for line in order.lines if int(line.cut) < int(line.quantity)]
    return FollowedOut(
        number=found.number,
        language=language,
        placed_at=order.placed_at,
        shop=ShopOut(name=found.shop, email=found.shop_email, url=found.shop_url),
        statuses=newest(history),
        history=history,
        parcels=[parcel_out(shipment) for shipment in parcels_of(order)],
        lines=[_line(line) for line in kept[:MOST_LINES]],
        more_lines=max(0, len(kept) - MOST_LINES),
        total=order.due,
        due_on_delivery=due_on_delivery(order),
    )


def newest(history: Sequence[PublishedOut]) -> list[PublishedOut]:
    """The newest of each track, of a history that begins with the newest."""
    found: dict[str, PublishedOut] = {}
    for each in history:
        found.setdefault(each.track, each)
    return [found[track] for track in TRACKS if track in found]


async def own_history(
    tx: Transaction, found: Followed, after: UUID | None, limit: int, link: str | None, language: str
) -> list[tuple[Published, PublishedOut]]:
    """Published entries of an order, the newest first, from behind an entry."""
    if not found.has_history:
        return []
    texts = Texts(found, await _whole(tx, found.id), link, language)
    return [(entry, texts.told(entry)) for entry in await store.published(tx, found.id, after, limit)]


async def standing(
    tx: Transaction, found: Followed, order: OrderOut, link: str | None, language: str
) -> list[PublishedOut]:
    """The newest published entry of each track."""
    if not found.has_history:
        return []
    texts = Texts(found, order, link, language)
    entries = await store.published_last(tx, [found.id])
    return newest([texts.told(entry) for entry in entries.get(found.id, [])])


async def standing_of(
    tx: Transaction, rows: Sequence[dict[str, Any]], language_of: Callable[[str], str]
) -> dict[UUID, list[StandingOut]]:
    """The newest published entry of each track of the orders of a list, in one statement."""
    if not rows or rows[0]["mode"] not in SHOWN_TO_CUSTOMERS:
        return {}
    entries = await store.published_last(tx, [row["id"] for row in rows])
    return {row["id"]: _standing(row, entries.get(row["id"], ()), language_of(row["language"])) for row in rows}


def _standing(row: dict[str, Any], entries: Iterable[Published], language: str) -> list[StandingOut]:
    by_track = {entry.track: entry for entry in entries}
    shown = [by_track[track] for track in TRACKS if track in by_track]
    return [
        StandingOut(
            track=entry.track,
            name=fill((text := entry.text(language)).name, wording.summary_values(row, text.language)),
            language=text.language,
            colour=entry.colour,
            text_colour=entry.text_colour,
            at=entry.at,
        )
        for entry in shown
    ]


async def _whole(tx: Transaction, order_id: UUID) -> OrderOut:
    order = await whole(tx, order_id)
    if order is None:
        raise RuntimeError("an order that was just read is gone")
    return order


def _line(line: Any) -> FollowedLineOut:
    left = Quantity(int(line.quantity) - int(line.cut))
    return FollowedLineOut(name=line.name, quantity=left, unit=line.unit)
