"""Commands about who follows an order: its visibility for the customer, and the link that opens it."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.problems import Conflict, NotFound
from services.orders.customers.links import Links
from services.orders.desk.following import store
from services.orders.desk.following.domain import Followed
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.handlers import keep, opened


class Forgotten(Conflict):
    """Its customer was erased: nobody is left to follow it."""

    slug = "customer-erased"


async def set_visible(
    tx: Transaction,
    order_id: UUID,
    visible: bool | None,  # noqa: FBT001 - what is set
    if_match: int | None = None,
) -> Followed:
    """Show an order to its customer, hide it, or let the channel and its payment decide (None)."""
    change, found = await _opened(tx, order_id, if_match)
    return await _permit(tx, change, found, replace(found, visible=visible))


async def renew(tx: Transaction, order_id: UUID, links: Links, if_match: int | None = None) -> Followed:
    """Make a new link; the one before opens nothing any more. Forgotten where the customer was erased."""
    change, found = await _opened(tx, order_id, if_match)
    if found.forgotten:
        raise Forgotten
    token = links.make(order_id, change.now + timedelta(days=found.tracking_days))
    return await _permit(tx, change, found, replace(found, tracking_token=token))


async def revoke(tx: Transaction, order_id: UUID, if_match: int | None = None) -> Followed:
    """Let the link open nothing any more; without one nothing changes."""
    change, found = await _opened(tx, order_id, if_match)
    return await _permit(tx, change, found, replace(found, tracking_token=None))


async def _opened(tx: Transaction, order_id: UUID, if_match: int | None) -> tuple[Change, Followed]:
    change = await opened(tx, order_id, if_match)
    found = await store.followed(tx, order_id)
    if found is None:
        raise NotFound("there is no such order")
    return change, found


async def _permit(tx: Transaction, change: Change, found: Followed, wanted: Followed) -> Followed:
    """Write what is wanted; a link that would open nothing is told to nobody."""
    if wanted == found:
        return found
    order = change.order
    if wanted.visible != found.visible:
        change.note(tx, "visibility.set", before={"visible": found.visible}, after={"visible": wanted.visible})
    if wanted.tracking_token != found.tracking_token:
        had, has = found.tracking_token is not None, wanted.tracking_token is not None
        command = "tracking_link.renewed" if has else "tracking_link.revoked"
        change.note(tx, command, before={"link": had}, after={"link": has})
    told = wanted.tracking_token if wanted.published else None
    if order.person is not None:
        order.person = order.person.model_copy(update={"tracking": told})
    await store.permit(tx, order.id, wanted.visible, wanted.tracking_token, told)
    order.version += 1
    await keep(tx, change)
    return replace(wanted, version=order.version)
