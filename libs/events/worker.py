"""The worker: reads a consumer's topics from the bus and takes each fact once, in order, whatever fails on the way."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from libs.events import dead_letters, metrics
from libs.events.bus import Bus, BusUnavailableError, LostAssignmentError, Record, Subscription, TopicPartition
from libs.events.consumer import Consumer
from libs.events.errors import Kind, backoff, kind_of
from libs.events.transaction import UnitOfWork

log = logging.getLogger(__name__)
BATCH = 20  # facts of one partition in one transaction
FULL = 500  # facts in hand of one partition before it is not fetched for a while
TRIES = 5  # of an error that is neither passing nor final


@dataclass(slots=True)
class _Lane:
    """One partition in hand: what was read of it and not taken yet."""

    place: TopicPartition
    records: deque[Record] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    uneasy: bool = True  # the database may count dead letters in a row for it


class Worker:
    """One member of a consumer's group. Several may run at once, in one process or many."""

    def __init__(
        self, consumer: Consumer, uow: UnitOfWork, bus: Bus, *, concurrency: int = 6, wait: float = 0.5
    ) -> None:
        """`concurrency` transactions at once, at most; `wait` seconds for the bus to answer when nothing comes."""
        self.consumer = consumer
        self._uow = uow
        self._bus = bus
        self._wait = wait
        self._slots = asyncio.Semaphore(concurrency)
        self._lanes: dict[TopicPartition, _Lane] = {}
        self._turns: dict[
            int, asyncio.Lock
        ] = {}  # equal partition numbers hold facts of the same orders: one at a time
        self._paused: set[TopicPartition] = set()
        self._rewind: dict[TopicPartition, int] = {}
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish and commit what is in hand. A bus or database away is waited for."""
        self._stop = stop
        if not self.consumer.topics:
            await stop.wait()
            return
        attempt = 0
        while not stop.is_set():
            try:
                async with self._bus.subscribe(self.consumer.name, self.consumer.topics) as subscription:
                    attempt = 0
                    try:
                        await self._read(subscription)
                    finally:
                        await self._finish()
            except Exception as error:
                if kind_of(error) is not Kind.TRANSIENT:
                    raise
                log.warning("the bus or the database is away: %s", type(error).__name__)
                attempt += 1
                await self._rest(backoff(attempt, most=5))

    async def _read(self, subscription: Subscription) -> None:
        looked = -1.0
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            if clock() - looked > 1:
                looked = clock()
                await self._learn_pauses(subscription)
            fetched = await subscription.poll(FULL // 2, self._wait)
            for place in [place for place in self._lanes if place not in subscription.assigned]:
                await self._forget(place)
            for place, records in fetched.items():
                if place in self._paused or place in self._rewind:
                    self._rewind.setdefault(place, records[0].offset)
                else:
                    self._hand(subscription, place, records)
            await self._go_back(subscription)
            full = [lane.place for lane in self._lanes.values() if len(lane.records) > FULL]
            subscription.pause([*full, *self._paused & subscription.assigned])
            for lane in self._lanes.values():
                if lane.task is not None and lane.task.done():
                    lane.task.result()  # what a lane could not handle ends the worker: a bug, not a bad fact

    async def _go_back(self, subscription: Subscription) -> None:
        """Read again what was fetched and dropped; done between polls, so that no fetch under way runs past it."""
        for place, offset in self._rewind.items():
            with suppress(LostAssignmentError):
                await subscription.seek(place, offset)
        self._rewind.clear()

    async def _learn_pauses(self, subscription: Subscription) -> None:
        """Pauses stand in the database: they survive restart and rebalance, and `resume` ends them from outside."""
        now = await dead_letters.paused(self._uow, self.consumer.name)
        for place in now - self._paused:
            await self._forget(place)
        ended = [place for place in self._paused - now if place in subscription.assigned]
        self._paused = now
        subscription.resume(ended)

    def _hand(self, subscription: Subscription, place: TopicPartition, records: Sequence[Record]) -> None:
        lane = self._lanes.setdefault(place, _Lane(place))
        lane.records.extend(records)
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._drain(subscription, lane), name=f"{self.consumer.name} {place}")

    async def _drain(self, subscription: Subscription, lane: _Lane) -> None:
        turn = self._turns.setdefault(lane.place.partition, asyncio.Lock())
        while lane.records and not self._stop.is_set() and self._lanes.get(lane.place) is lane:
            batch = [lane.records.popleft() for _ in range(min(BATCH, len(lane.records)))]
            async with turn, self._slots:
                following = await self._take(batch, lane)
            try:
                if following > batch[0].offset:
                    await subscription.commit({lane.place: following})
            except LostAssignmentError:
                lane.records.clear()  # somebody else reads on from what was committed; the inbox knows what we did
                return
            except BusUnavailableError:
                log.warning("offset of %s not committed now; the inbox remembers", lane.place)
            if lane.place in self._paused:
                self._drop(lane, following)
                return
            if following <= batch[-1].offset:
                return  # going down in the middle of a batch
            if len(lane.records) < FULL // 2 and lane.place in subscription.assigned:
                subscription.resume([lane.place])

    def _drop(self, lane: _Lane, following: int) -> None:
        """Let go of what is in hand of a partition, to be read again from `following`."""
        lane.records.clear()
        self._rewind[lane.place] = following

    async def _take(self, batch: list[Record], lane: _Lane) -> int:
        """Take these records; the offset that follows the last one done."""
        try:
            new = await self.consumer.deliver(self._uow, *batch)
        except Exception as error:  # noqa: BLE001 - which one it was is found out one by one
            log.debug("a batch of %s falls back to one by one: %s", lane.place, type(error).__name__)
        else:
            metrics.taken(self.consumer.name, lane.place.topic, new)
            await self._calm(lane)
            return batch[-1].offset + 1
        for record in batch:
            if not await self._take_one(record, lane):
                return record.offset
            if lane.place in self._paused:
                return record.offset + 1
        return batch[-1].offset + 1

    async def _take_one(self, record: Record, lane: _Lane) -> bool:
        """Take one record, or bury it; False where neither was possible before the stop."""
        attempt = tries = 0
        while True:
            try:
                metrics.taken(self.consumer.name, record.topic, await self.consumer.deliver(self._uow, record))
            except Exception as error:  # noqa: BLE001 - sorted by kind
                kind = kind_of(error)
                attempt += 1
                tries += kind is Kind.UNEXPECTED
                if kind is Kind.FINAL or tries >= TRIES:
                    if await self._bury(record, lane, error, max(tries, 1)):
                        return True
                elif attempt == 1 or not attempt % 10:
                    log.warning(
                        "%s waits before it takes %s again: %s", self.consumer.name, record.topic, _named(error)
                    )
                if self._stop.is_set():
                    return False
                await self._rest(backoff(attempt))
            else:
                await self._calm(lane)
                return True

    async def _bury(self, record: Record, lane: _Lane, error: Exception, tries: int) -> bool:
        try:
            pause = await dead_letters.bury(self._uow, self.consumer, record, _named(error), tries)
        except Exception as again:
            if kind_of(again) is not Kind.TRANSIENT:
                raise
            return False
        lane.uneasy = True
        metrics.buried(self.consumer.name, record.topic)
        log.error("dead letter: %s could not take a %s: %s", self.consumer.name, record.topic, _named(error))
        if pause:
            self._paused.add(lane.place)
            log.error("%s stopped reading %s: too many dead letters in a row", self.consumer.name, lane.place)
        return True

    async def _calm(self, lane: _Lane) -> None:
        """A fact was taken: the dead letters of its partition are not in a row any more."""
        if lane.uneasy:
            await dead_letters.calmed(self._uow, self.consumer.name, lane.place)
            lane.uneasy = False

    async def _forget(self, place: TopicPartition) -> None:
        """Drop what is in hand of a partition; what is being taken right now is finished first."""
        lane = self._lanes.pop(place, None)
        if lane is None:
            return
        rest = lane.records[0].offset if lane.records else None
        lane.records.clear()
        if lane.task is not None:
            await lane.task
        if rest is not None:
            self._rewind.setdefault(place, rest)

    async def _finish(self) -> None:
        for place in list(self._lanes):
            await self._forget(place)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)


def _named(error: BaseException) -> str:
    """An error without the values in it: those may be personal data."""
    detail = str(error) if kind_of(error) is Kind.FINAL else ""
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
