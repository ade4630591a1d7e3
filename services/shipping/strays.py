"""The couriers' own lists against ours: an AWB under one of our references that is nobody's is given up."""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx

from libs.events.transaction import Cause, UnitOfWork
from libs.service.loops import Loop
from services.shipping import store
from services.shipping.accounts import store as accounts
from services.shipping.calls import give_up_stray
from services.shipping.couriers.registry import Couriers
from services.shipping.settings import Settings

log = logging.getLogger(__name__)
CAUSE = Cause("system:shipping")
COURIERS_DAY = ZoneInfo("Europe/Bucharest")
DAYS = 2


class Strays:
    """A caller that was frozen for long may have booked after its booking was given up for lost."""

    def __init__(self, uow: UnitOfWork, couriers: Couriers, settings: Settings) -> None:
        self._uow, self._couriers, self._every = uow, couriers, settings.strays_every

    def loop(self) -> Loop:
        """Looks now and then."""
        return Loop("strays", self._every, self.round)

    async def round(self) -> int:
        """Read every account's list of today and yesterday; 0, as the next look is a while away."""
        async with self._uow(CAUSE) as tx:
            codes = await accounts.active(tx)
        for code in codes:
            await self._account(code)
        return 0

    async def _account(self, code: str) -> None:
        today = datetime.now(COURIERS_DAY).date()
        async with self._uow(CAUSE) as tx:
            courier = await self._couriers.of(tx, code)
        try:
            listed = await courier.listed([today - timedelta(days=n) for n in range(DAYS)])
        except (httpx.HTTPError, ValueError) as error:
            log.warning("a courier does not show its list", extra={"account": code, "why": type(error).__name__})
            return
        async with self._uow(CAUSE) as tx:
            found = await store.strays(tx, listed)
        for awb, shipment_id, order_id in found:
            async with self._uow(CAUSE) as tx:
                await store.locked_order(tx, order_id)
                fulfilment = await store.fulfilment(tx, order_id)
                if fulfilment is not None:
                    await give_up_stray(tx, fulfilment, shipment_id, awb)
