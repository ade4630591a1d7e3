"""Taking an order in: judged by what is known of its channel and methods, refused, held or placed."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from libs.events.transaction import Transaction
from libs.service.problems import Conflict, FieldError, Invalid
from services.orders.channels.store import sequence_of
from services.orders.customers import handlers as customers
from services.orders.customers.links import Links
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import Order
from services.orders.lifecycle.handlers import keep
from services.orders.placing import store
from services.orders.placing.body import PlaceOrder
from services.orders.placing.domain import judged, other_currency, too_large
from services.orders.placing.place import Taking, hash_of, identity_of, place

CLOCKS_DIFFER = timedelta(minutes=5)


class OtherOrder(Conflict):
    """The channel has submitted another order under this external id."""

    slug = "other-order"


@dataclass(frozen=True, slots=True)
class Known:
    """The order that was taken before from the same submission."""

    order_id: UUID


async def place_order(tx: Transaction, submitted: PlaceOrder, links: Links) -> Order | Known:
    """Take an order in. The same one again is found, not doubled; OtherOrder when it differs from what was taken.

    An own channel's order is refused for whatever is wrong (Invalid names each field); one sold elsewhere is taken
    and held. `store.OtherOrderError` when another transaction was faster: try again in a new one.
    """
    around = await store.surroundings(
        tx, submitted.channel, submitted.delivery_method, submitted.payment_method, submitted.external_id
    )
    if around is None:
        raise Invalid("there is no such channel", field="channel")
    if around.known is not None:
        order_id, known_hash = around.known
        if known_hash != hash_of(submitted):
            raise OtherOrder(field="external_id")
        return Known(order_id)
    wrong = _judge(submitted, around)
    channel = around.channel
    number = await store.next_number(tx, sequence_of(channel.series))
    placed_at = submitted.placed_at or around.now
    year = placed_at.astimezone(ZoneInfo(channel.time_zone)).year
    customer_id = await customers.link(tx, identity_of(submitted, channel))
    taking = Taking(f"{channel.series}-{year}-{number:06d}", customer_id, around.now, tx.cause.actor, wrong, links)
    placed = place(submitted, channel, around.methods, taking)
    await store.insert(tx, placed)
    change = Change(placed.order, around.now, tx.cause)
    change.before, change.known_holds = {}, {}
    return await keep(tx, change)


def _judge(submitted: PlaceOrder, around: store.Surroundings) -> list[FieldError]:
    """What an order sold elsewhere is held for; Invalid with everything that is wrong with an own one."""
    impossible = [*other_currency(submitted), *too_large(submitted)]
    if submitted.placed_at and submitted.placed_at > around.now + CLOCKS_DIFFER:
        impossible.append(FieldError("placed_at", "is in the future"))
    if impossible:
        raise _refusal(impossible)
    if submitted.historic:
        return []
    wrong = judged(submitted, around.channel, around.methods)
    if wrong and not around.channel.sold_elsewhere:
        raise _refusal(wrong)
    return wrong


def _refusal(wrong: list[FieldError]) -> Invalid:
    told = wrong[:50]
    return Invalid("; ".join(f"{error.field}: {error.detail}" for error in told[:5]), errors=told)
