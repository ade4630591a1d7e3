"""Payments that nobody told us about: asked for at the provider, now and then."""

from libs.events.transaction import Cause
from libs.service.loops import Loop, Wake
from libs.service.service import Context
from services.payments import handlers, store
from services.payments.handlers import Desk
from services.payments.settings import Settings

BATCH = 50


def looking(context: Context[Settings]) -> Loop:
    """The loop that lets the provider be asked about payments that have been open for long."""

    async def round_() -> int:
        async with context.uow(Cause("system:payments")) as tx:
            found = sorted(await store.to_look_at(tx, BATCH))
            for payment_id in found:
                with tx.acting(await store.story(tx, payment_id)):
                    desk = await Desk.at(tx, payment_id)
                    await handlers.look(tx, desk.payment, desk.operations)
                    await desk.settle()  # plans the next look
        return len(found)

    return Loop("payment looks", context.settings.settle_every, round_, Wake())
