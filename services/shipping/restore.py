"""What shipping asks couriers after a restore: where every open parcel is, and what they booked since the backup."""

import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx

from libs.events.transaction import Cause
from libs.service.loops import Loop
from libs.service.restoring import Found
from libs.service.service import Context
from libs.service.telemetry import UNANNOUNCED
from services.shipping.accounts import store as accounts
from services.shipping.couriers.registry import Couriers
from services.shipping.settings import Settings
from services.shipping.tracking import store as tracking
from services.shipping.tracking.loops import BATCH, Tracking
from services.shipping.unannounced import store as unannounced

log = logging.getLogger(__name__)
CAUSE = Cause("system:shipping")
COURIERS_DAY = ZoneInfo("Europe/Bucharest")
BEFORE = timedelta(hours=1)  # clocks differ, and what is known is not listed
LONGEST = 62  # days of lists that are read at most


async def restore(context: Context[Settings], since: datetime) -> Found:
    """Ask where every open parcel is, then read the couriers' own lists; what has no row here is listed."""
    couriers = Couriers(context.settings, context.http)
    async with context.uow(CAUSE) as tx:
        parcels = await tracking.all_due(tx)
        codes = await accounts.active(tx)
    polling = Tracking(context.uow, couriers, context.settings)
    for _ in range(-(-parcels // BATCH)):
        await polling.poll()
    new = unread = 0
    for code in codes:
        added = await _listed(context, couriers, code, since)
        new, unread = new + (added or 0), unread + (added is None)
    async with context.uow(CAUSE) as tx:
        still = await unannounced.count_open(tx)
    lines = [f"{parcels} parcels asked for at their couriers", f"{new} parcels without a row here listed"]
    return Found([*lines, f"{still} unannounced parcels wait for a person"] if still else lines, unread)


async def _listed(context: Context[Settings], couriers: Couriers, code: str, since: datetime) -> int | None:
    """How many parcels of an account are new to us; None when the courier does not show its lists now."""
    first, last = ((since - BEFORE).astimezone(COURIERS_DAY).date(), datetime.now(UTC).astimezone(COURIERS_DAY).date())
    days = [first + timedelta(days=n) for n in range(min((last - first).days + 1, LONGEST))]
    async with context.uow(CAUSE) as tx:
        courier = await couriers.of(tx, code)
    try:
        listed = await courier.listed(days)
    except (httpx.HTTPError, ValueError) as error:
        log.warning("a courier does not show its list", extra={"account": code, "why": type(error).__name__})
        return None
    async with context.uow(CAUSE) as tx:
        return await unannounced.add(tx, code, listed)


def counting(context: Context[Settings]) -> Loop:
    """The loop that tells how much nobody has dealt with."""

    async def count() -> int:
        async with context.uow(CAUSE) as tx:
            UNANNOUNCED.labels("shipping").set(await unannounced.count_open(tx))
        return 0

    return Loop("unannounced", timedelta(seconds=30), count)
