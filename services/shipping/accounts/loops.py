"""What was sealed with the key before is sealed anew, so that the old key can be thrown away."""

import logging
from datetime import timedelta

from libs.events.transaction import Cause
from libs.service.loops import Loop
from libs.service.service import Context
from services.shipping.accounts import handlers
from services.shipping.sealing import Seal
from services.shipping.settings import Settings

log = logging.getLogger(__name__)


def sealing_anew(context: Context[Settings]) -> Loop:
    """Goes through the accounts while SHIPPING_SECRETS_KEY_BEFORE is set; its log says when nothing is left."""
    seal = Seal(context.settings)

    async def round_() -> int:
        if context.settings.secrets_key_before is None:
            return 0
        async with context.uow(Cause(actor="system:shipping")) as tx:
            done = await handlers.seal_anew(tx, seal)
        log.info("nothing is sealed with SHIPPING_SECRETS_KEY_BEFORE any more", extra={"sealed_anew": done})
        return 0

    return Loop("sealing anew", timedelta(hours=1), round_)
