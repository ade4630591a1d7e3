"""Background loops: a bounded round, again at once while there is work, otherwise when woken or after a time."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from libs.events.errors import Kind, kind_of
from libs.service import telemetry

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0


class Wake:
    """Something to wait for. `set()` may be called at any time, also when nobody waits; rings are not counted."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Start the next round now, or right after the present one."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Until it is set, at most `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` of Python 3.11 can swallow a cancellation
                await self._event.wait()
        self._event.clear()


class Wakes(dict[str, Wake]):
    """Wakes by name, made when first asked for: in a process without the loop, ringing is harmless."""

    def __missing__(self, name: str) -> Wake:
        """A new one."""
        return self.setdefault(name, Wake())


@dataclass(frozen=True, slots=True)
class Loop:
    """`run` does one bounded round and says how much it did; it runs again at once while that is `full` or more."""

    name: str
    every: timedelta
    run: Callable[[], Awaitable[int]]
    wake: Wake = field(default_factory=Wake)
    full: int = 1


async def run_loop(loop: Loop, stop: asyncio.Event) -> None:
    """Run until `stop`, finishing the round in hand. Errors are logged, counted and backed off, never a loop's end."""
    failures = 0
    while not stop.is_set():
        try:
            done = await loop.run()
        except Exception as error:
            failures += 1
            telemetry.LOOP_ERRORS.labels(loop.name).inc()
            told = {"loop": loop.name, "in_a_row": failures, "error": type(error).__name__}
            if kind_of(error) is Kind.TRANSIENT:
                log.warning("a round failed for now", extra=told)
            else:
                log.exception("a round failed", extra=told)
            await _pause(loop, stop, min(LONGEST_PAUSE, 0.2 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311 - jitter
            continue
        failures = 0
        telemetry.LOOP_ROUNDS.labels(loop.name).inc()
        telemetry.LOOP_DONE.labels(loop.name).inc(done)
        if done < loop.full:
            await _pause(loop, stop, loop.every.total_seconds())


async def _pause(loop: Loop, stop: asyncio.Event, seconds: float) -> None:
    woken, stopped = asyncio.ensure_future(loop.wake.wait(seconds)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({woken, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (woken, stopped):
            task.cancel()
        await asyncio.gather(woken, stopped, return_exceptions=True)


async def run_loops(loops: Sequence[Loop], stop: asyncio.Event) -> None:
    """Run them all until `stop`."""
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            group.create_task(run_loop(loop, stop), name=f"loop {loop.name}")
