"""A request that needs a courier's outcome: the loop is woken, and the request waits for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from libs.events.transaction import Transaction
from libs.service.call import Call

T = TypeVar("T")
LONGEST_PAUSE = 0.5


async def outcome(call: Call, look: Callable[[Transaction], Awaitable[T | None]]) -> T | None:
    """What `look` finds, asked again in short transactions; None when the courier takes longer than we wait."""
    call.context.wake["courier_call"].set()
    deadline = time.monotonic() + call.context.settings.wait_for_courier.total_seconds()
    pause = 0.02
    while True:
        async with call.read() as tx:
            found = await look(tx)
        if found is not None or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
