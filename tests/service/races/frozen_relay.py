"""A relay that freezes with its first batch in hand: `python -m tests.service.races.frozen_relay DB BUS`."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, cast

from libs.events.bus import Bus, Outcome, Outgoing
from libs.events.open_bus import open_bus
from libs.events.relay import Relay


class Freezing:
    """A bus whose publisher is stopped just before the first byte leaves, until somebody sends SIGCONT."""

    def __init__(self, bus: Bus) -> None:
        self._bus, self._frozen = bus, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Freeze once."""
        if not self._frozen:
            self._frozen = True
            sys.stdout.write("freezing\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGSTOP)
        return await self._bus.publish(batch)


async def main(database: str, bus_url: str) -> None:
    """Relay until killed."""
    bus = cast("Bus", Freezing(open_bus(bus_url)))
    await Relay(database, "counters", bus, every=0.2).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
