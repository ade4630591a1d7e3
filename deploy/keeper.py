"""Restarts what ended unexpectedly, waiting longer each time, and says so."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Protocol

from deploy.child import CannotStartError

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
LONG_ALIVE = 60.0
"""Seconds after which a process has proved itself: its next crash is a first one again."""


class Member(Protocol):
    """Something that runs and can be started again."""

    @property
    def alive(self) -> bool:
        """Is it running?"""

    @property
    def pid(self) -> int:
        """Its process id."""

    def start(self) -> object:
        """Start it."""

    def kill(self) -> None:
        """End it as a crash would."""


async def keep_running(
    members: Mapping[str, Member],
    say: Callable[[str], None],
    *,
    held: Collection[str] = (),
    longest: float = LONGEST_WAIT,
) -> None:
    """Watch for ever. Those in `held`, looked at each time, stay down; nobody waits more than `longest` seconds."""
    waits = dict.fromkeys(members, FIRST_WAIT)
    started = dict.fromkeys(members, time.monotonic())
    due: dict[str, float] = {}
    while True:
        now = time.monotonic()
        for name, member in members.items():
            if member.alive or name in held:
                due.pop(name, None)
                if member.alive and now - started[name] > LONG_ALIVE:
                    waits[name] = FIRST_WAIT
            elif name not in due:
                due[name] = now + waits[name]
                say(f"{name} ended unexpectedly; restarting in {waits[name]:.1f} s")
            elif now >= due[name]:
                del due[name]
                started[name], waits[name] = now, min(waits[name] * 2, longest)
                with suppress(CannotStartError):  # still down: the next round says so and waits longer
                    await asyncio.to_thread(member.start)
        await asyncio.sleep(0.1)
