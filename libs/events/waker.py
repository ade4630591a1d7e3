"""Wakes the relay after a commit: a NOTIFY on a connection of its own, now and then at most.

Inside the transaction a NOTIFY would take a lock of the whole cluster at commit (measured: commits cut to a third).
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import asyncpg

from libs.events.relay import CHANNEL, PACE

log = logging.getLogger(__name__)


class Waker:
    """`wake()` is free: call it as often as you like. A NOTIFY that gets lost costs at most the relay's poll."""

    def __init__(self, database_url: str, *, pace: float = PACE) -> None:
        """Connects when it runs. `pace`: seconds from one call to the next, at least."""
        self._url = database_url
        self._pace = pace
        self._due = asyncio.Event()

    def wake(self) -> None:
        """There is something in the outbox."""
        self._due.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop`."""
        connection: asyncpg.Connection[Any] | None = None
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                due = asyncio.create_task(self._due.wait())
                await asyncio.wait((due, stopping), return_when=asyncio.FIRST_COMPLETED)
                due.cancel()
                if not self._due.is_set():
                    continue
                self._due.clear()
                try:
                    if connection is None or connection.is_closed():
                        connection = await asyncpg.connect(self._url, timeout=10)
                    await connection.execute(f"NOTIFY {CHANNEL}", timeout=10)
                except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    log.debug("no wake-up call now: %s", type(error).__name__)
                    connection = None
                    await asyncio.sleep(0.5)
                await asyncio.sleep(self._pace)
        finally:
            stopping.cancel()
            if connection is not None:
                with suppress(Exception):
                    await connection.close(timeout=2)
