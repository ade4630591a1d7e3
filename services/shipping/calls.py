"""What is asked of couriers: made by the kit's loop, with no transaction open, and recorded under the order's lock."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Counter

from libs.events.transaction import Cause, Transaction, UnitOfWork
from libs.service.outside import Answer, Failed, OutsideCalls, Refused, Succeeded, Unknown, Wait
from services.shipping import handlers, store
from services.shipping.consignment import consignment
from services.shipping.couriers.port import Booked, Consignment, Courier
from services.shipping.couriers.registry import Couriers, UnknownAccountError
from services.shipping.domain import Fulfilment, Said
from services.shipping.labels import store as labels
from services.shipping.sealing import SealBrokenError
from services.shipping.settings import Settings
from services.shipping.shipment import Void
from services.shipping.tables import CourierCall
from services.shipping.unannounced import store as unannounced

log = logging.getLogger(__name__)
STRAYS = Counter("comanda_shipping_strays_total", "AWBs that a courier held twice for one booking, given up again.")
COURIERS_DAY = ZoneInfo("Europe/Bucharest")
WITHDRAWN = "withdrawn before the courier was asked"
Row = dict[str, Any]


class CourierCalls:
    """Books, voids and fetches labels."""

    def __init__(self, uow: UnitOfWork, couriers: Couriers, settings: Settings) -> None:
        self._uow, self._couriers = uow, couriers
        self.outside = OutsideCalls(
            uow,
            CourierCall,
            call=self.call,
            record=self.record,
            look_up=self.look_up,
            lease=settings.call_lease,
            look_up_after=settings.look_up_after,
            grace=settings.absence_grace,
        )

    async def call(self, row: Row) -> Answer:
        """Ask the courier. A booking that nobody wants any more, or not now, is withdrawn without asking."""
        asked: Consignment | Failed | Wait | None = None
        async with self._uow(Cause("system:shipping")) as tx:
            try:
                courier = await self._couriers.of(tx, row["account"])
            except (UnknownAccountError, SealBrokenError) as error:
                return Wait(60, f"{type(error).__name__}: {error}")
            if row["kind"] == "book":
                asked = await self._consignment(tx, row)
        if isinstance(asked, Failed | Wait):
            return asked
        if asked is not None:
            return await courier.book(asked)
        match row["kind"]:
            case "void":
                return await courier.void(row["awb"])
            case _:
                return await courier.label(row["awb"], row["size"], row["format"])

    async def _consignment(self, tx: Transaction, row: Row) -> Consignment | Failed | Wait:
        known = await store.order_of(tx, row["order_id"])
        fulfilment = await store.fulfilment(tx, row["order_id"])
        assert known is not None  # noqa: S101 - a shipment has an order
        assert fulfilment is not None  # noqa: S101
        order = known.order
        if order.holds or order.cancel_request is not None or order.lifecycle != "confirmed":
            return Failed(WITHDRAWN, data=WITHDRAWN)
        if await unannounced.stands_for(tx, order.number):
            return Wait(60, "an unannounced parcel carries this order's number: settle it first")
        shipment = fulfilment.shipment(row["shipment_id"])
        asked = consignment(order, known.person, shipment, row["reference"])
        return asked or Failed("recipient: nothing is known of the customer any more")

    async def look_up(self, row: Row) -> Answer:
        """Find out what became of a call: a booking by its reference; the others may simply be asked again."""
        async with self._uow(Cause("system:shipping")) as tx:
            courier = await self._couriers.of(tx, row["account"])
        match row["kind"]:
            case "book":
                first, last = (at.astimezone(COURIERS_DAY).date() for at in (row["asked_at"], datetime.now(UTC)))
                days = [last - timedelta(days=n) for n in range(min((last - first).days, 6) + 1)]
                return await courier.find(row["reference"], sorted({first, *days}))
            case "void":
                return await courier.void(row["awb"])
            case _:
                return await courier.label(row["awb"], row["size"], row["format"])

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        """Take in what became of a call, and whatever follows from it now."""
        if not isinstance(answer, Succeeded | Failed | Refused):
            return
        if row["kind"] == "label":
            if isinstance(answer, Succeeded):
                await labels.keep_label(tx, row["shipment_id"], row["awb"], row["size"], row["format"], answer.data)
            return
        known = await store.locked_order(tx, row["order_id"])
        assert known is not None  # noqa: S101 - a shipment has an order
        courier = await self._couriers.of(tx, row["account"])
        standing = known.order.cancel_request is not None

        def act(fulfilment: Fulfilment) -> list[Said]:
            if row["kind"] == "void":
                return voided(fulfilment, row, answer, answering=standing)
            return booked(fulfilment, row, answer, courier)

        done = await handlers.advance(tx, known, act)
        if row["kind"] == "book" and isinstance(answer, Succeeded) and done is not None:
            await self._give_up_strays(tx, row, answer.data, done)
        if row["kind"] == "book" and isinstance(answer, Succeeded) and courier.polls:
            await store.poll_from(tx, row["shipment_id"], datetime.now(UTC))
        tx.after_commit(self.outside.wake.set)  # something may be due now

    async def _give_up_strays(self, tx: Transaction, row: Row, made: Booked, fulfilment: Fulfilment) -> None:
        for awb in made.strays:
            await give_up_stray(tx, fulfilment, row["shipment_id"], awb)


def booked(fulfilment: Fulfilment, row: Row, answer: Answer, courier: Courier) -> list[Said]:
    """What a booking's outcome makes of its shipment."""
    shipment = fulfilment.shipment(row["shipment_id"])
    match answer:
        case Succeeded(Booked(awb=awb, cost=cost)):
            return fulfilment.booked(shipment, awb, courier.link(awb, shipment.token), cost)
        case Failed(data=data) if data == WITHDRAWN:
            return fulfilment.not_booked(shipment, None, again=True)
        case Failed(reason) if row["call_state"] == "unknown":  # the courier never had it
            return fulfilment.not_booked(shipment, reason, again=True)
        case Failed(reason) | Refused(reason) | Unknown(reason):
            return fulfilment.not_booked(shipment, reason, again=False)
    return []


def voided(fulfilment: Fulfilment, row: Row, answer: Answer, *, answering: bool) -> list[Said]:
    """What the courier's word about giving up an AWB makes of its shipment; a stray's changes nothing."""
    shipment = fulfilment.shipment(row["shipment_id"])
    if row["awb"] != shipment.awb or shipment.void is Void.NO:
        return []
    return fulfilment.voided(shipment, gone=isinstance(answer, Succeeded), answering=answering)


async def give_up_stray(tx: Transaction, fulfilment: Fulfilment, shipment_id: UUID, awb: str) -> None:
    """Ask the courier to forget an AWB that is nobody's."""
    shipment = fulfilment.shipment(shipment_id)
    log.error("a courier held a second AWB for one booking", extra={"shipment": str(shipment_id), "awb": awb})
    STRAYS.inc()
    await store.ask_courier(tx, "void", fulfilment.order_id, shipment, f"void:{awb}:{shipment_id}", awb=awb)
