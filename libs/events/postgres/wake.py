"""Waking the readers of the embedded log: one NOTIFY after the commit, on another connection, at most every 10 ms.

Inside the appending transaction it would serialise all commits of the server (measured: 6,000 a second became 1,800).
"""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress

from libs.events.bus import BusUnavailableError
from libs.events.postgres.connections import Connections

CHANNEL = "comanda_bus"
_EVERY = 0.01
_LONGEST = 7900  # what PostgreSQL takes
_ALL = "all"


class Wake:
    """Says which topics have news and which groups have changed. Best effort: readers also look by themselves."""

    def __init__(self, connections: Connections) -> None:
        """Silent until told something."""
        self._connections = connections
        self._news: set[str] = set()
        self._saying: asyncio.Task[None] | None = None
        self._closed = False

    def topics(self, topics: Iterable[str]) -> None:
        """These topics have new records, committed."""
        self._say({f"t:{topic}" for topic in topics})

    def group(self, group: str) -> None:
        """This group's membership has changed, committed."""
        self._say({f"g:{group}"})

    async def close(self) -> None:
        """Say what is left to say, for a second at most; nothing afterwards."""
        self._closed = True
        if self._saying is not None:
            await asyncio.wait([self._saying], timeout=1)
            self._saying.cancel()
            await asyncio.wait([self._saying])

    def _say(self, news: set[str]) -> None:
        self._news |= news
        if self._news and not self._closed and (self._saying is None or self._saying.done()):
            self._saying = asyncio.create_task(self._say_all())

    async def _say_all(self) -> None:
        while self._news:
            said, self._news = "\n".join(sorted(self._news)), set()
            if len(said.encode()) > _LONGEST:
                said = _ALL
            with suppress(BusUnavailableError):
                async with self._connections.use() as connection:
                    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, said)
            await asyncio.sleep(_EVERY)


def concerns(said: str, group: str, topics: Collection[str]) -> tuple[bool, frozenset[str]]:
    """Whether what was said concerns this group, and which of these topics."""
    if said == _ALL:
        return True, frozenset(topics)
    news = set(said.split("\n"))
    return f"g:{group}" in news, frozenset(topic for topic in topics if f"t:{topic}" in news)
