"""Commands about an order's shipments: each locks the order, decides, saves, tells, and asks couriers."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from secrets import token_urlsafe
from uuid import UUID, uuid5

from libs.contracts.common import Cost, CostRecorded, Money, Person
from libs.contracts.orders import DeliveryKind, Lifecycle, OrderSnapshot
from libs.contracts.shipping import ShipmentState
from libs.events.transaction import Transaction, new_id
from libs.service.problems import Conflict, Invalid, NotFound
from services.shipping import store
from services.shipping.consignment import fingerprint, reference
from services.shipping.domain import OPEN, Fulfilment, Said
from services.shipping.shipment import Ask, Means, Shipment
from services.shipping.store import KnownOrder

Act = Callable[[Fulfilment], list[Said]]
"""A decision about a locked fulfilment: it changes it and says what is to be told."""


async def bring(tx: Transaction, order: OrderSnapshot, person: Person | None) -> None:
    """Take in an order's snapshot: whichever fact brought it, the shipments become what the newest one asks for."""
    known = None if order.historic else await store.keep_order(tx, order, person)
    if known is None:
        return
    if order.lifecycle is Lifecycle.OPEN and order.cancel_request is None:
        return  # nothing is planned before the order is confirmed
    await advance(tx, known)


async def advance(
    tx: Transaction, known: KnownOrder, act: Act | None = None, found: Fulfilment | None = None
) -> Fulfilment | None:
    """Let `act` happen to a locked order's shipments, then bring them to what the order asks for.

    `found` is what was read of them under that lock. Saves what changed, under the next version; tells it; writes
    down the calls that are due. None: nothing to do.
    """
    order = known.order
    if found is None:
        fulfilment, means = await store.fulfilment_and_means(tx, order)
    else:
        fulfilment, means = found, await store.means(tx, order)
    if fulfilment is None:
        if order.lifecycle is Lifecycle.CANCELLED:
            return None
        fulfilment = Fulfilment(new_id(), order.id)
    before = {each.id: deepcopy(each) for each in fulfilment.shipments}
    answered = fulfilment.answered_cancel
    said = act(fulfilment) if act else []
    said += fulfilment.bring(order, means, planned, fingerprint(order, known.person))
    changed = [each for each in fulfilment.shipments if before.get(each.id) != each]
    if not (changed or said or fulfilment.asks) and answered == fulfilment.answered_cancel:
        return fulfilment
    fulfilment.version += 1
    refilled = [each for each in changed if each.id not in before or before[each.id].lines != each.lines]
    await store.save(tx, fulfilment, changed, refilled)
    for ask, each in fulfilment.asks:
        name = reference(*await store.next_number(tx)) if ask is Ask.BOOK else f"void:{each.awb}:{each.id}"
        await store.ask_courier(tx, ask, order.id, each, name)
    snapshot = fulfilment.snapshot()
    facts = [kind(fulfilment=snapshot, shipment_id=about) for kind, about in said]
    costs = [_cost(fulfilment, each) for each in changed if _priced(before.get(each.id)) != _priced(each)]
    costs += [
        _way_back(fulfilment, each) for each in changed if _goes_back(each) and not _goes_back(before.get(each.id))
    ]
    await tx.emit(fulfilment, *facts, *costs)
    return fulfilment


def planned(depot: str, means: Means) -> Shipment:
    """A new plan."""
    return Shipment(new_id(), depot, means.kind, means.courier, means.account, token_urlsafe(18))


def _priced(shipment: Shipment | None) -> Money | None:
    return shipment.cost if shipment and shipment.live else None


def _cost(fulfilment: Fulfilment, shipment: Shipment) -> CostRecorded:
    """What the courier estimates; nothing for an AWB that was given up."""
    assert shipment.cost is not None  # noqa: S101 - it was or is priced
    amount = shipment.cost if shipment.live else Money.zero(shipment.cost.currency)
    return CostRecorded(
        cost=shipment.id,
        version=fulfilment.version,
        order_id=fulfilment.order_id,
        kind=Cost.DELIVERY,
        amount=amount,
        actual=False,
        source=f"shipment {shipment.id}",
    )


def _goes_back(shipment: Shipment | None) -> bool:
    back = {ShipmentState.RETURNING, ShipmentState.RETURNED}
    return shipment is not None and shipment.cost is not None and shipment.state in back


def _way_back(fulfilment: Fulfilment, shipment: Shipment) -> CostRecorded:
    """What the way back will cost, as long as nobody says better: as much as the way there."""
    there = _cost(fulfilment, shipment)
    return there.model_copy(update={"cost": uuid5(shipment.id, "way back"), "kind": Cost.RETURN_DELIVERY})


# What people ask for.


async def lock(tx: Transaction, order_id: UUID) -> tuple[KnownOrder, Fulfilment]:
    """An order with shipments, locked; NotFound otherwise."""
    known = await store.locked_order(tx, order_id)
    found = await store.fulfilment(tx, order_id) if known else None
    if known is None or found is None:
        raise NotFound("no shipments are planned for this order")
    return known, found


@dataclass(frozen=True, slots=True)
class Packed:
    """How a person packed it, where that differs from the plan; `courier` is the account's."""

    account: str | None = None
    courier: str | None = None
    parcels: int | None = None
    weight_g: int | None = None


async def ask_to_book(tx: Transaction, order_id: UUID, shipment_id: UUID | None, packed: Packed) -> Fulfilment:
    """Book one shipment, or all of an order that are only planned; one that has its AWB already stays as it is.

    Conflict where it may not be booked now.
    """
    known, found = await lock(tx, order_id)
    chosen = [each.id for each in found.shipments if shipment_id in (None, each.id) and each.live]
    if not chosen:
        raise Conflict("there is nothing to book: what was planned is cancelled")
    waiting = [each for each in chosen if found.shipment(each).state in OPEN]
    if not waiting:
        return found
    may_book(known.order)

    def act(fulfilment: Fulfilment) -> list[Said]:
        for each in waiting:
            _prepare(fulfilment.shipment(each), packed)
        return []

    done = await advance(tx, known, act, found)
    assert done is not None  # noqa: S101 - it exists
    return done


def _prepare(shipment: Shipment, packed: Packed) -> None:
    """Make a plan, or a booking that failed, one that will be booked."""
    if shipment.kind is DeliveryKind.PICKUP:
        raise Conflict("the customer picks it up: there is no courier to book")
    if packed.account is not None:
        shipment.account, shipment.courier = packed.account, packed.courier or ""
    if shipment.account is None:
        raise Invalid("the delivery method names no courier account: choose one", field="account")
    shipment.parcels = packed.parcels or shipment.parcels
    shipment.weight_g = packed.weight_g or shipment.weight_g
    shipment.asked, shipment.state, shipment.failure = True, ShipmentState.PLANNED, None


def may_book(order: OrderSnapshot) -> None:
    """Conflict while anything speaks against booking or handing over."""
    if order.holds:
        raise Conflict(f"the order is held: {', '.join(map(str, order.holds))}")
    if order.cancel_request is not None:
        raise Conflict("the order is asked to be cancelled")
    if order.lifecycle is not Lifecycle.CONFIRMED:
        raise Conflict(f"the order is {order.lifecycle}")
