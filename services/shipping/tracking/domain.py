"""Where a parcel is, from everything said about it: a pure function of the set of events."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from libs.contracts.shipping import ShipmentState


class Status(StrEnum):
    """The couriers' many codes in our words."""

    CREATED = "created"
    PICKED_UP = "picked_up"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    READY_FOR_PICKUP = "ready_for_pickup"
    FAILED_ATTEMPT = "failed_attempt"
    RETURNING = "returning"
    RETURNED = "returned"
    DELIVERED = "delivered"
    LOST = "lost"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # a code that is in no map yet


FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""An event before or after is a slip of somebody's clock."""

RANK = {status: rank for rank, status in enumerate(Status)}
"""Of two events of the same moment the later in this list counts."""

_UNMOVED = frozenset({Status.CREATED, Status.CANCELLED, Status.UNKNOWN})
ENDS = (
    (Status.DELIVERED, ShipmentState.DELIVERED),
    (Status.RETURNED, ShipmentState.RETURNED),
    (Status.LOST, ShipmentState.LOST),
)
"""Strongest first: a parcel reported lost, then delivered, is delivered. A return after a delivery has another AWB: so
`returned` never takes a delivery back."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of a parcel's way, as the courier told it."""

    awb: str
    code: str  # the courier's own
    status: Status
    occurred_at: datetime
    text: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What follows from all events of a shipment."""

    state: ShipmentState | None  # None: it has not moved
    status: str
    dispatched_at: datetime | None = None
    delivered_at: datetime | None = None


def whereabouts(events: Iterable[tuple[Status, datetime]]) -> Whereabouts:
    """More events never move a shipment back: an end stays, a return stays, an older event changes nothing newer."""
    told = list(events)
    moving = [(status, at) for status, at in told if status not in _UNMOVED]
    if not moving:
        return Whereabouts(None, Status.CREATED)
    dispatched = min(at for _, at in moving)
    for end, state in ENDS:
        ends = [at for status, at in moving if status is end]
        if ends:
            delivered = min(ends) if end is Status.DELIVERED else None
            return Whereabouts(state, end, dispatched, delivered)
    if any(status is Status.RETURNING for status, _ in moving):
        return Whereabouts(ShipmentState.RETURNING, Status.RETURNING, dispatched)
    # A code in no map says only that a moving parcel still moves.
    still = [(Status.IN_TRANSIT if status is Status.UNKNOWN else status, at) for status, at in told]
    status, _ = max((each for each in still if each[0] not in _UNMOVED), key=lambda each: (each[1], RANK[each[0]]))
    return Whereabouts(ShipmentState.DISPATCHED, status, dispatched)
