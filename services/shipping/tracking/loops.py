"""What runs by itself: asking couriers where parcels are, and reading stored callbacks."""

import logging
from collections import defaultdict
from datetime import timedelta

import httpx

from libs.events.transaction import Cause, UnitOfWork
from libs.service.loops import Loop
from services.shipping.couriers.registry import Couriers, UnknownAccountError
from services.shipping.settings import Settings
from services.shipping.tracking import handlers, store
from services.shipping.tracking.domain import Seen

log = logging.getLogger(__name__)
BATCH = 50
CAUSE = Cause("system:shipping")
CALLBACKS = "callbacks"


class Tracking:
    """Polling and callbacks of one process."""

    def __init__(self, uow: UnitOfWork, couriers: Couriers, settings: Settings) -> None:
        self._uow, self._couriers, self._settings = uow, couriers, settings

    def loops(self) -> tuple[Loop, ...]:
        """One that asks, one that reads."""
        return (
            Loop("polling", self._settings.poll_round, self.poll),
            Loop(CALLBACKS, timedelta(seconds=1), self.read),
        )

    async def poll(self) -> int:
        """Ask about those parcels whose turn it is; how many."""
        async with self._uow(CAUSE) as tx:
            rows = await store.to_poll(tx, self._settings.poll_every, BATCH)
        accounts = defaultdict(list)
        for row in rows:
            accounts[row["account"]].append(row)
        for code, theirs in accounts.items():
            seen = await self._asked(code, [row["awb"] for row in theirs])
            async with self._uow(CAUSE) as tx:
                marks = await store.known_marks(tx, [row["id"] for row in theirs])
            for row in theirs:
                new = [each for each in seen if each.awb == row["awb"] and _mark(each) not in marks]
                if new:
                    async with self._uow(CAUSE) as tx:
                        await handlers.take(tx, row["order_id"], row["id"], new, "poll")
        return len(rows)

    async def _asked(self, code: str, awbs: list[str]) -> list[Seen]:
        """What a courier says; nothing when it does not say it now: there is a next turn."""
        try:
            async with self._uow(CAUSE) as tx:
                courier = await self._couriers.of(tx, code)
            return await courier.track(awbs)
        except (httpx.HTTPError, ValueError, UnknownAccountError) as error:
            log.warning(
                "a courier does not say where parcels are", extra={"account": code, "why": type(error).__name__}
            )
            return []

    async def read(self) -> int:
        """Read one callback; how many were due."""
        async with self._uow(CAUSE) as tx:
            return int(await handlers.read_callback(tx, self._couriers, self._settings.callback_patience))


def _mark(event: Seen) -> tuple[str, str, object, str]:
    return event.awb, event.code, event.occurred_at, event.location
