"""Take in what was said about parcels: once each, in any order, forward only."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

from libs.contracts.common import Stuck, WorkStuck
from libs.contracts.orders import DeliveryKind
from libs.contracts.shipping import ShipmentState
from libs.events.transaction import Transaction
from libs.service.problems import Conflict
from services.shipping import handlers
from services.shipping import store as shipments
from services.shipping.couriers.port import NotACallbackError
from services.shipping.couriers.registry import Couriers, UnknownAccountError
from services.shipping.domain import MOVING, Fulfilment, Said
from services.shipping.shipment import Shipment
from services.shipping.store import KnownOrder
from services.shipping.tracking import store
from services.shipping.tracking.domain import Seen, Status, whereabouts

log = logging.getLogger(__name__)
RETRY = timedelta(seconds=2)
LONGEST_RETRY = timedelta(minutes=30)
ENDED = frozenset({ShipmentState.DELIVERED, ShipmentState.RETURNED, ShipmentState.LOST, ShipmentState.CANCELLED})


class Callback:
    """A stored callback as what emits `work.stuck`."""

    __tablename__: ClassVar[str] = "callback"
    noun: ClassVar[str] = "callback"

    def __init__(self, callback_id: UUID) -> None:
        self.id = callback_id


async def take(
    tx: Transaction, order_id: UUID, shipment_id: UUID, events: Sequence[Seen], source: str
) -> Fulfilment | None:
    """Take in events of one shipment; None where all of them were known. What follows is told."""
    known = await shipments.locked_order(tx, order_id)
    if known is None:
        return None
    with tx.acting(await shipments.story(tx, shipment_id)):
        return await _learn(tx, known, shipment_id, events, source)


async def _learn(
    tx: Transaction,
    known: KnownOrder,
    shipment_id: UUID,
    events: Sequence[Seen],
    source: str,
    found: Fulfilment | None = None,
) -> Fulfilment | None:
    told = await store.keep(tx, shipment_id, [_clean(event) for event in events], source)
    if not told:
        return None
    there = whereabouts(told)

    def act(fulfilment: Fulfilment) -> list[Said]:
        shipment = fulfilment.shipment(shipment_id)
        before = (shipment.state, shipment.status)
        if there.state is None:
            return []
        shipment.state, shipment.status = there.state, there.status
        shipment.dispatched_at, shipment.delivered_at = there.dispatched_at, there.delivered_at
        return fulfilment.moved(shipment, before)

    done = await handlers.advance(tx, known, act, found)
    if done is not None:
        shipment = done.shipment(shipment_id)
        if shipment.state in ENDED:
            await shipments.poll_from(tx, shipment_id, None)
        await _say_unmapped(tx, shipment.courier, events)
    return done


def _clean(event: Seen) -> Seen:
    """Other people's text without control characters."""
    return replace(event, text=_printable(event.text), location=_printable(event.location))


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text).strip()


async def _say_unmapped(tx: Transaction, courier: str, events: Iterable[Seen]) -> None:
    """A code in no map raises one alarm, whatever it comes with."""
    for code in sorted({event.code for event in events if event.status is Status.UNKNOWN}):
        if await store.first_sight(tx, courier, code):
            log.error("a courier's code is in no map", extra={"courier": courier, "code": code})


async def scan(tx: Transaction, order_id: UUID, shipment_id: UUID, event: Seen) -> Fulfilment:
    """What a person of ours saw: a parcel of the own fleet moved, or a customer picked the goods up."""
    known, found = await handlers.lock(tx, order_id)
    shipment = found.shipment(shipment_id)
    if not _may_be_scanned(shipment, event.status):
        raise Conflict(
            f"a shipment that is {shipment.state} with {shipment.courier or 'nobody'} cannot be {event.status}"
        )
    if shipment.state not in MOVING:
        handlers.may_book(known.order)  # nothing is handed over while the order is held or asked to be cancelled
    event = replace(event, awb=shipment.awb or "")
    return await _learn(tx, known, shipment_id, [event], "hand", found) or found


def _may_be_scanned(shipment: Shipment, status: Status) -> bool:
    if shipment.kind is DeliveryKind.PICKUP:
        return status in (Status.DELIVERED, Status.RETURNED) and shipment.live
    return shipment.courier == "own_fleet" and shipment.awb is not None and shipment.live


async def read_callback(tx: Transaction, couriers: Couriers, patience: timedelta) -> bool:
    """Read one stored callback: known parcels move now, an AWB not known yet is waited for. False: none is due."""
    row = await store.next_callback(tx)
    if row is None:
        return False
    try:
        events = (await couriers.of(tx, row["account"])).parse_callback(row["raw"])
    except (NotACallbackError, UnknownAccountError) as error:
        await _park(tx, row["id"], row["fact_sequence"], row["received_at"], str(error) or type(error).__name__)
        return True
    known = await store.by_awb(tx, row["account"], [event.awb for event in events])
    for awb in sorted(known, key=lambda each: known[each][1]):  # in the order of the locks
        shipment_id, order_id = known[awb]
        await take(tx, order_id, shipment_id, [event for event in events if event.awb == awb], "push")
    about = [order_id for _, order_id in known.values()]
    strangers = sorted({event.awb for event in events} - set(known))
    if not strangers:
        await store.settle_callback(tx, row["id"], "done", about=about)
    elif datetime.now(UTC) - row["received_at"] < patience:
        wait = min(LONGEST_RETRY, RETRY * 2 ** min(row["attempts"], 12))
        await store.settle_callback(tx, row["id"], "due", "an AWB is not known yet", later=wait)
    else:
        await _park(tx, row["id"], row["fact_sequence"], row["received_at"], f"{len(strangers)} AWBs are not ours")
    return True


async def _park(tx: Transaction, callback_id: UUID, sequence: int, since: datetime, why: str) -> None:
    await store.settle_callback(tx, callback_id, "parked", why[:500])
    fact = WorkStuck(
        work=callback_id,
        version=sequence + 1,
        service="shipping",
        kind=Stuck.PARKED,
        what=f"a courier's callback: {why}"[:500],
        since=since,
    )
    await tx.emit(Callback(callback_id), fact)
