"""What happens to orders, as it happens: one look at the feed for all who watch in this process."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from libs.events.transaction import UnitOfWork

log = logging.getLogger(__name__)
BATCH = 500
BEHIND = 2_000
"""How many events a reader may be behind before it is dropped: it comes again with the last it has seen."""
AGAIN = 1.0
# Only positions are a cursor that misses nothing: a fact has one when it was sent, and no smaller one comes later.
_AFTER = """
SELECT s.position, s.id, s.type AS topic, s.ce_time AS at, s.ce_actor AS actor,
       json_build_object(
           'id', s.aggregateid, 'number', o->>'number', 'version', (o->>'version')::bigint, 'channel', o->>'channel',
           'lifecycle', o->>'lifecycle', 'stock', o->>'stock', 'payment', o->>'payment',
           'fulfilment', o->>'fulfilment', 'holds', o->'holds', 'total', o->'total'
       )::text AS told,
       CASE WHEN s.type = 'status.changed' THEN json_build_object(
           'id', p->>'status', 'track', p->>'track', 'type', p->>'type', 'name', p->'text'->>'name',
           'colour', p->>'colour', 'published', (p->>'published')::boolean
       )::text END AS status
FROM outbox_sent s, LATERAL (SELECT s.payload::json AS p, s.payload::json->'order' AS o) AS read
WHERE s.position > $1 AND s.aggregatetype = 'order' ORDER BY s.position LIMIT $2
"""
_EDGES = """
SELECT (SELECT position FROM feed_head) AS head, (SELECT min(position) FROM outbox_sent) AS oldest
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact about an order: `told` and `status` are JSON, without anything personal."""

    position: int
    topic: str
    channel: str
    text: str


@dataclass(eq=False)
class Reader:
    """Somebody who watches; what comes after `since` arrives in `queue`."""

    since: int
    queue: "asyncio.Queue[Event]" = field(default_factory=lambda: asyncio.Queue(BEHIND))
    lost: bool = False

    def put(self, event: Event) -> None:
        """Hand it one more event; one that does not keep up is lost, and gets nothing behind its gap."""
        self.lost = self.lost or self.queue.full()
        if not self.lost:
            self.queue.put_nowait(event)


class Live:
    """The feed of one process. It looks while anybody watches, once for all of them."""

    def __init__(self, uow: UnitOfWork, every: float) -> None:
        """`every`: seconds between two looks."""
        self.uow = uow
        self.every = every
        self.readers: set[Reader] = set()
        self._head = 0
        self._looking: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Reader]:
        """Watch until the block ends."""
        async with self._starting:
            if self._looking is None:
                self._head = (await self.edges())[0]
                self._looking = asyncio.create_task(self._look())
        reader = Reader(self._head)
        self.readers.add(reader)
        try:
            yield reader
        finally:
            self.readers.discard(reader)
            if not self.readers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def edges(self) -> tuple[int, int]:
        """The last position there is, and the first that can still be read (behind the last where none can)."""
        row = (await self.uow.fetch(_EDGES))[0]
        return row["head"], row["oldest"] if row["oldest"] is not None else row["head"] + 1

    async def after(self, position: int) -> list[Event]:
        """Some events behind a position, in order; none when there are none."""
        return [_event(row) for row in await self.uow.fetch(_AFTER, position, BATCH)]

    async def _look(self) -> None:
        while True:
            try:
                found = await self.after(self._head)
            except Exception as error:  # noqa: BLE001 - the database is away: those who watch wait with us
                log.warning("the live stream waits: %s", type(error).__name__)
                await asyncio.sleep(AGAIN)
                continue
            for event in found:
                for reader in self.readers:
                    reader.put(event)
            if found:
                self._head = found[-1].position
            if len(found) < BATCH:
                await asyncio.sleep(self.every)


def _event(row: Any) -> Event:
    order = json.loads(row["told"])
    data = {"position": row["position"], "id": str(row["id"]), "topic": row["topic"], "at": row["at"].isoformat()}
    data |= {"actor": row["actor"], "order": order} | ({"status": json.loads(row["status"])} if row["status"] else {})
    return Event(row["position"], row["topic"], order["channel"] or "", json.dumps(data, ensure_ascii=False))
