"""What payments asks providers after a restore: every payment that was open, and what they moved since the backup."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.events.errors import backoff
from libs.events.transaction import Cause
from libs.service.loops import Loop
from libs.service.outside import Succeeded
from libs.service.restoring import Found
from libs.service.service import Context
from libs.service.telemetry import UNANNOUNCED
from services.payments import calls, store
from services.payments.domain import Kind, State
from services.payments.facts import ProviderOrder, Stage, learn_order
from services.payments.handlers import Desk
from services.payments.providers.paypal import PayPal, Unreadable
from services.payments.providers.paypal_reports import REVERSALS, Listed, listed
from services.payments.settings import Settings
from services.payments.unannounced import store as unannounced

log = logging.getLogger(__name__)
CAUSE = Cause("system:payments")
BEFORE = timedelta(hours=1)  # clocks differ, and what is known is not listed
AT_ONCE, TRIES = 8, 5


async def restore(context: Context[Settings], since: datetime) -> Found:
    """Read every open payment at its provider, then the provider's own list; what has no row here is listed."""
    if not context.settings.uses_paypal:
        return Found(["no provider is configured"])
    paypal = PayPal(context.settings, context.http)
    looks = _Looks(context, paypal)
    async with context.uow(CAUSE) as tx:
        open_ = await store.open_at_provider(tx)
    unread = sum(not done for done in await _each(open_, looks.look))
    lost: list[Listed] = []
    try:
        async for page in listed(paypal, since - BEFORE, datetime.now(UTC)):
            lost += await looks.unknown(page)
    except Unreadable as reason:
        log.warning("a list cannot be read: %s", reason)
        unread += 1
    async with context.uow(CAUSE) as tx:
        new = sum([await unannounced.add(tx, each) for each in lost])
        still = await unannounced.count_open(tx)
    lines = [f"{len(open_)} open payments read at their provider", f"{new} movements without a row here listed"]
    return Found([*lines, f"{still} unannounced movements wait for a person"] if still else lines, unread)


async def _each(ids: list[tuple[UUID, str]], look: Callable[[UUID, str], Awaitable[bool]]) -> list[bool]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(payment_id: UUID, ref: str) -> bool:
        async with slots:
            return await look(payment_id, ref)

    return await asyncio.gather(*(one(*each) for each in ids))


class _Looks:
    """Reads payments at the provider, and takes in what it says."""

    def __init__(self, context: Context[Settings], paypal: PayPal) -> None:
        self._uow, self._paypal, self._payee = context.uow, paypal, context.settings.paypal_merchant_id

    async def look(self, payment_id: UUID, ref: str, also: Listed | None = None) -> bool:
        """Read one payment under the provider's name for it, and a movement that is listed; False: it does not say."""
        async with self._uow(CAUSE) as tx:
            known = await store.operations(tx, payment_id)
        refs = [[str(op.kind), op.provider_ref] for op in known if op.status is State.PENDING and op.provider_ref]
        if also is not None:
            refs.append([str(Kind.REFUND if also.kind.startswith(REVERSALS) else Kind.CAPTURE), also.reference])
        row: dict[str, Any] = {"kind": "look", "target": ref, "body": {"refs": refs}}
        for attempt in range(1, TRIES + 1):
            answer = await self._paypal.look(row)
            if isinstance(answer, Succeeded):
                await self._learn(payment_id, answer.data)
                return True
            await asyncio.sleep(backoff(attempt, most=5))
        log.warning("a payment cannot be read", extra={"payment": str(payment_id)})
        return False

    async def _learn(self, payment_id: UUID, said: ProviderOrder) -> None:
        async with self._uow(CAUSE) as tx:
            desk = await Desk.at(tx, payment_id)
            begun = next((op for op in desk.operations if _asked_for(op.kind, op.status)), None)
            ours = said.custom_id == str(payment_id) and said.stage is not Stage.GONE
            if desk.payment.provider_payment_id is None and begun is not None and ours:
                calls.created(desk, begun, said)  # the order that we asked for and whose answer was lost
            learn_order(desk.payment, desk.operations, said, tx.cause.actor, self._payee)
            await desk.settle()

    async def unknown(self, page: list[Listed]) -> list[Listed]:
        """What of a page is nobody's, after the payments that it names were read."""
        lost = []
        async with self._uow(CAUSE) as tx:
            strange = [(each, await unannounced.payment_of(tx, each)) for each in await unannounced.unknown(tx, page)]
        for each, payment_id in strange:
            if payment_id is None or not await self._is_ours(each, payment_id):
                lost.append(each)
        return lost

    async def _is_ours(self, each: Listed, payment_id: UUID) -> bool:
        async with self._uow(CAUSE) as tx:
            payment = await store.payment(tx, payment_id)
        ref = (payment.provider_payment_id if payment else None) or each.parent
        if ref is not None:
            await self.look(payment_id, ref, each)
        async with self._uow(CAUSE) as tx:
            return not await unannounced.unknown(tx, [each])


def _asked_for(kind: Kind, status: State) -> bool:
    return kind is Kind.CREATE and status is State.INITIATED


def counting(context: Context[Settings]) -> Loop:
    """The loop that tells how much nobody has dealt with."""

    async def count() -> int:
        async with context.uow(CAUSE) as tx:
            UNANNOUNCED.labels("payments").set(await unannounced.count_open(tx))
        return 0

    return Loop("unannounced", timedelta(seconds=30), count)
