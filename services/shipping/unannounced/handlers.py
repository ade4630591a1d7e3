"""What a person does about a parcel that no row here knows of: it is the order's, or it is none of ours."""

from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.problems import Conflict, NotFound
from services.shipping.unannounced import store
from services.shipping.unannounced.store import Row


async def adopt(tx: Transaction, row_id: UUID, shipment_id: UUID | None) -> Row:
    """A booking of its order that waits takes this parcel; Conflict where none does, or several and none is named."""
    row = await _open(tx, row_id)
    waiting = await store.waiting(tx, row, shipment_id)
    if not waiting:
        raise Conflict("no booking of its order waits for an AWB")
    if len(waiting) > 1:
        raise Conflict("several bookings of its order wait: name the shipment", field="shipment_id")
    await store.take_over(tx, waiting[0], row)
    return await store.close(tx, row_id, "adopted", tx.cause.actor, None)


async def dismiss(tx: Transaction, row_id: UUID, note: str) -> Row:
    """It was given up at the courier, or goes its way without us; what waited is booked now."""
    row = await _open(tx, row_id)
    done = await store.close(tx, row_id, "dismissed", tx.cause.actor, note)
    await store.let_go(tx, row["order_number"])
    return done


async def _open(tx: Transaction, row_id: UUID) -> Row:
    row = await store.locked(tx, row_id)
    if row is None:
        raise NotFound("there is no such parcel")
    if row["closed_at"] is not None:
        raise Conflict(f"it is {row['closed_as']} already")
    return row
