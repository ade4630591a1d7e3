"""After a restore: the log starts empty, what is kept is sent again, and all waits until everybody has read it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import asyncpg

from deploy.system import SERVICE_NAMES, TOPICS
from libs.events import restored
from libs.events.bus import Bus, Topic
from libs.events.bus_settings import from_environment
from libs.events.open_bus import open_bus
from libs.service import restoring

Say = Callable[[str], None]
LOOK_EVERY = 1.0
SAY_EVERY = 10.0


class NotRestoredError(Exception):
    """This step does not come now; the message says which one does."""


@dataclass(frozen=True)
class Installation:
    """Every service's database by its name, and the log."""

    databases: Mapping[str, str]
    bus: str

    @classmethod
    def of(cls, told: Mapping[str, str]) -> Self:
        """From variables; NotRestoredError names one that is missing."""
        names = {name: f"{name.upper()}_DATABASE_URL" for name in SERVICE_NAMES}
        if absent := [name for name in (*names.values(), "EVENTS_BUS") if not told.get(name)]:
            raise NotRestoredError(f"{', '.join(absent)}: not set")
        return cls({name: told[variable] for name, variable in names.items()}, told["EVENTS_BUS"])


async def send_again(installation: Installation, say: Say) -> None:
    """Empty the log, make its topics, publish all that outboxes keep under its old names and in its old order.

    NotRestoredError where a service was not restored first: then its log is in use and stays as it is.
    """
    fresh = [name for name, url in installation.databases.items() if not await _is_restoring(url)]
    if fresh:
        steps = ", ".join(f"`python -m services.{name} restore --since ...`" for name in fresh)
        raise NotRestoredError(f"the log is in use; before it is emptied comes {steps}")
    topics = [Topic(topic.name, topic.partitions, topic.retention, topic.compacted) for topic in TOPICS]
    await restored.empty(installation.bus, [topic.name for topic in topics], **from_environment())
    bus = open_bus(installation.bus, **from_environment())
    try:
        await bus.create_topics(topics)
        say(f"the log is empty: {len(topics)} topics")
        for name, url in installation.databases.items():
            sent, refused = await restored.resend(url, bus)
            say(f"{name}: {sent} facts sent again" + (f", {refused} REFUSED by the broker" if refused else ""))
    finally:
        await bus.close()


async def catch_up(installation: Installation, say: Say, patience: float) -> None:
    """Wait until no outbox holds a fact and every group has read to the end, twice alike; then all loops start.

    NotRestoredError after `patience` seconds: it says who is behind, and calls and timers go on waiting.
    """
    bus = open_bus(installation.bus, **from_environment())
    deadline, said, before = time.monotonic() + patience, 0.0, None
    try:
        while True:
            behind, now = await _behind(installation, bus)
            if not behind and now == before:
                break
            before = now if not behind else None
            if time.monotonic() > deadline:
                raise NotRestoredError(f"not caught up: {'; '.join(behind)}. Calls and timers go on waiting.")
            if behind and time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                say(f"catching up: {'; '.join(behind)}")
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await bus.close()
    for url in installation.databases.values():
        await restoring.finish(url)
    say("all is read: calls and timers start")


async def _behind(installation: Installation, bus: Bus) -> tuple[list[str], list[int]]:
    """Who still has something to send or to read, and how far every feed is."""
    behind, positions = [], []
    for name, url in installation.databases.items():
        waiting, position = await _asked(url, _OUTBOX)
        lag = await bus.lag(name)
        if waiting:
            behind.append(f"{name} has {waiting} facts to send")
        if not lag or any(lag.values()):
            behind.append(f"{name} has {sum(lag.values())} facts to read" if lag else f"{name} does not read yet")
        positions.append(int(position))
    return behind, positions


async def _is_restoring(url: str) -> bool:
    return bool((await _asked(url, "SELECT to_regclass('restoring') IS NOT NULL"))[0])


async def _asked(url: str, question: str) -> Any:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchrow(question)
    finally:
        await connection.close()


_OUTBOX = "SELECT (SELECT count(*) FROM outbox WHERE refused IS NULL), position FROM feed_head"
