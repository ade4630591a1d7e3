"""Deliveries that arrive at the same moment are kept by one statement; each is answered when that is committed."""

import asyncio
from dataclasses import dataclass, field

from libs.events.errors import Kind, kind_of
from libs.events.transaction import UnitOfWork
from services.payments.webhooks import store

MOST = 100
"""Deliveries that one statement keeps."""


@dataclass(slots=True)
class _Waiting:
    """A delivery, and whoever waits for it to be kept."""

    delivery: store.Delivery
    kept: "asyncio.Future[bool]"


@dataclass
class Intake:
    """Keeps deliveries: the first at once, what comes meanwhile together with the next statement."""

    uow: UnitOfWork
    _waiting: list[_Waiting] = field(default_factory=list)
    _keeping: "asyncio.Task[None] | None" = None

    async def keep(self, delivery: store.Delivery) -> bool:
        """Keep a delivery: committed once this returns. Whether its event is new; a redelivery changes nothing."""
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._keep_them())
        return await waiting.kept

    async def _keep_them(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            await self._keep(some)

    async def _keep(self, some: list[_Waiting]) -> None:
        """Keep some; what the database refuses of them is found by keeping each by itself, and harms no other."""
        try:
            new = await store.keep(self.uow, [each.delivery for each in some])
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits
            if len(some) > 1 and not _passes(error):
                for each in some:
                    await self._keep([each])
                return
            for each in some:
                if not each.kept.done():
                    each.kept.set_exception(error)
            return
        for each, is_new in zip(some, new, strict=True):
            if not each.kept.done():  # whoever waited may be gone
                each.kept.set_result(is_new)


def _passes(error: Exception) -> bool:
    """Whether it is the database's trouble, and not what one of the deliveries holds."""
    return kind_of(error) is Kind.TRANSIENT and not isinstance(error, ValueError)
