"""A relay in a process of its own, to be stopped and killed: `python -m tests.service.events.relay_process DB BUS`."""

import asyncio
import sys

from libs.events.open_bus import open_bus
from libs.events.relay import Relay


async def main(database: str, bus_url: str) -> None:
    """Relay until killed."""
    bus = open_bus(bus_url)
    sys.stdout.write("up\n")
    sys.stdout.flush()
    await Relay(database, "counters", bus, every=0.2).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
