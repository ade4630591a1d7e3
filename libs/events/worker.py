"""The worker: reads a consumer's topics from the bus and takes each fact once, in order, whatever fails on the way."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice

from libs.events import dead_letters, metrics
from libs.events.bus import Bus, BusUnavailableError, LostAssignmentError, Record, Subscription, TopicPartition
from libs.events.consumer import Consumer
from libs.events.errors import Kind, backoff, kind_of
from libs.events.transaction import UnitOfWork

log = logging.getLogger(__name__)
FULL = 500  # facts in hand of one partition before it is not fetched for a while
TRIES = 5  # of an error that is neither passing nor final
COMMIT_EVERY = 0.25  # seconds between two commits of offsets; what is lost with a crash, the inbox remembers


@dataclass(slots=True)
class _Lane:
    """One partition in hand: what was read of it and not taken yet."""

    place: TopicPartition
    records: deque[Record] = field(default_factory=deque)
    uneasy: bool = False  # the database counts dead letters in a row for it


@dataclass(slots=True)
class _Strand:
    """The partitions of one number, over all topics: they hold facts of the same orders, so one task takes them all."""

    lanes: dict[TopicPartition, _Lane] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    def next(self, most: int) -> list[Record]:
        """The oldest of what waits, in each partition's own order; out of its lane from now on."""
        waiting = merge(*(lane.records for lane in self.lanes.values()), key=lambda record: record.timestamp)
        batch = list(islice(waiting, most))
        for record in batch:
            self.lanes[record.place].records.popleft()
        return batch


class Worker:
    """One member of a consumer's group. Several may run at once, in one process or many."""

    def __init__(
        self,
        consumer: Consumer,
        uow: UnitOfWork,
        bus: Bus,
        *,
        concurrency: int = 6,
        wait: float = 0.5,
        pace: float = 0.0,
    ) -> None:
        """`concurrency` transactions at once, at most; `wait` seconds for the bus to answer when nothing comes.

        `pace`: seconds between two looks that find something, so that facts of a busy moment are taken together.
        """
        self.consumer = consumer
        self._uow = uow
        self._bus = bus
        self._wait = wait
        self._pace = pace
        self._slots = asyncio.Semaphore(concurrency)
        self._strands: dict[int, _Strand] = {}
        self._paused: set[TopicPartition] = set()
        self._full: set[TopicPartition] = set()
        self._uneasy: set[TopicPartition] = set()
        self._rewind: dict[TopicPartition, int] = {}
        self._done: dict[TopicPartition, int] = {}  # how far the database has come, where the group has not heard of it
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
                        await self._commit(subscription)
            except Exception as error:
                if kind_of(error) is not Kind.TRANSIENT:
                    raise
                log.warning("the bus or the database is away: %s", type(error).__name__)
                attempt += 1
                await self._rest(backoff(attempt, most=5))

    async def _read(self, subscription: Subscription) -> None:
        looked = committed = -1.0
        clock = asyncio.get_running_loop().time
        while not self._stop.is_set():
            if clock() - looked > 1:
                looked = clock()
                await self._learn_pauses(subscription)
            fetched = await subscription.poll(FULL // 2, self._wait)
            found = clock()
            for lane in [lane for lane in self._lanes() if lane.place not in subscription.assigned]:
                self._forget(lane)
            for place, records in fetched.items():
                if place in self._paused or place in self._rewind:
                    self._rewind.setdefault(place, records[0].offset)
                else:
                    self._hand(subscription, place, records)
            if clock() - committed > COMMIT_EVERY:
                await self._commit(subscription)
                committed = clock()
            await self._go_back(subscription)
            self._full |= {lane.place for lane in self._lanes() if len(lane.records) > FULL}
            self._relieve(subscription)
            subscription.pause([*self._full, *self._paused & subscription.assigned])
            for strand in self._strands.values():
                if strand.task is not None and strand.task.done():
                    strand.task.result()  # what it could not handle ends the worker: a bug, not a bad fact
            if fetched and (left := found + self._pace - clock()) > 0:
                await self._rest(left)

    async def _commit(self, subscription: Subscription) -> None:
        """Tell the group how far the database has come: after it, never before."""
        offsets = {place: offset for place, offset in self._done.items() if place in subscription.assigned}
        self._done.clear()
        if not offsets:
            return
        try:
            await subscription.commit(offsets)
        except LostAssignmentError:  # whoever reads on does so from what was committed; the inbox knows what we did
            for lane in self._lanes():
                if lane.place in offsets:
                    lane.records.clear()
        except BusUnavailableError:
            log.warning("offsets not committed now; the inbox remembers")
            self._done = offsets | self._done

    async def _go_back(self, subscription: Subscription) -> None:
        """Read again what was fetched and dropped; done between polls, so that no fetch under way runs past it."""
        for place, offset in self._rewind.items():
            with suppress(LostAssignmentError):
                await subscription.seek(place, offset)
        self._rewind.clear()

    async def _learn_pauses(self, subscription: Subscription) -> None:
        """Pauses stand in the database: they survive restart and rebalance, and `resume` ends them from outside."""
        now, self._uneasy = await dead_letters.troubled(self._uow, self.consumer.name)
        for lane in self._lanes():
            lane.uneasy |= lane.place in self._uneasy
            if lane.place in now - self._paused:
                self._forget(lane)
        ended = [place for place in self._paused - now if place in subscription.assigned]
        self._paused = now
        subscription.resume(ended)

    def _lanes(self) -> list[_Lane]:
        return [lane for strand in self._strands.values() for lane in strand.lanes.values()]

    def _hand(self, subscription: Subscription, place: TopicPartition, records: Sequence[Record]) -> None:
        strand = self._strands.setdefault(place.partition, _Strand())
        lane = strand.lanes.setdefault(place, _Lane(place, uneasy=place in self._uneasy))
        lane.records.extend(records)
        if strand.task is None or strand.task.done():
            name = f"{self.consumer.name} {place.partition}"
            strand.task = asyncio.create_task(self._drain(subscription, strand), name=name)

    async def _drain(self, subscription: Subscription, strand: _Strand) -> None:
        while any(lane.records for lane in strand.lanes.values()) and not self._stop.is_set():
            async with self._slots:
                batch = strand.next(self.consumer.together)
                done = await self._take(batch, strand) if batch else []
            self._done |= {record.place: record.offset + 1 for record in done}
            if len(done) < len(batch):  # paused in the middle, or going down
                for record in batch:
                    if record not in done:
                        self._drop(strand, record)
            self._relieve(subscription)

    def _relieve(self, subscription: Subscription) -> None:
        """Fetch partitions again of which there was too much in hand: only here does one stop being full."""
        if not self._full:
            return
        relieved = self._full - {lane.place for lane in self._lanes() if len(lane.records) >= FULL // 2}
        self._full -= relieved
        subscription.resume([place for place in relieved - self._paused if place in subscription.assigned])

    def _drop(self, strand: _Strand, record: Record) -> None:
        """Let go of what is in hand of a partition, to be read again from this record or before."""
        if lane := strand.lanes.get(record.place):
            lane.records.clear()
        self._rewind[record.place] = min(record.offset, self._rewind.get(record.place, record.offset))

    async def _take(self, batch: list[Record], strand: _Strand) -> list[Record]:
        """Take these records; those that are done."""
        try:
            new = await self.consumer.taken(self._uow, batch)
        except Exception as error:  # noqa: BLE001 - which one it was is found out one by one
            log.debug("a batch falls back to one by one: %s", type(error).__name__)
        else:
            for topic, facts in new.items():
                metrics.taken(self.consumer.name, topic, facts)
            for place in {record.place for record in batch}:
                await self._calm(strand, place)
            return batch
        done: list[Record] = []
        for record in batch:
            if record.place not in self._paused:
                if not await self._take_one(record, strand):
                    break
                done.append(record)
        return done

    async def _take_one(self, record: Record, strand: _Strand) -> bool:
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
                    if await self._bury(record, strand, error, max(tries, 1)):
                        return True
                elif attempt == 1 or not attempt % 10:
                    log.warning(
                        "%s waits before it takes %s again: %s", self.consumer.name, record.topic, _named(error)
                    )
                if self._stop.is_set():
                    return False
                await self._rest(backoff(attempt))
            else:
                await self._calm(strand, record.place)
                return True

    async def _bury(self, record: Record, strand: _Strand, error: Exception, tries: int) -> bool:
        try:
            pause = await dead_letters.bury(self._uow, self.consumer, record, _named(error), tries)
        except Exception as again:
            if kind_of(again) is not Kind.TRANSIENT:
                raise
            return False
        self._uneasy.add(record.place)
        if lane := strand.lanes.get(record.place):
            lane.uneasy = True
        metrics.buried(self.consumer.name, record.topic)
        log.error("dead letter: %s could not take a %s: %s", self.consumer.name, record.topic, _named(error))
        if pause:
            self._paused.add(record.place)
            log.error("%s stopped reading %s: too many dead letters in a row", self.consumer.name, record.place)
        return True

    async def _calm(self, strand: _Strand, place: TopicPartition) -> None:
        """A fact was taken: the dead letters of its partition are not in a row any more."""
        lane = strand.lanes.get(place)
        if lane is not None and lane.uneasy:
            await dead_letters.calmed(self._uow, self.consumer.name, place)
            self._uneasy.discard(place)
            lane.uneasy = False

    def _forget(self, lane: _Lane) -> None:
        """Drop what is in hand of a partition; what is being taken right now is finished."""
        del self._strands[lane.place.partition].lanes[lane.place]
        if lane.records:
            self._rewind.setdefault(lane.place, lane.records[0].offset)
            lane.records.clear()

    async def _finish(self) -> None:
        """Drop what is in hand, and wait for what is being taken."""
        for lane in self._lanes():
            self._forget(lane)
        tasks = [strand.task for strand in self._strands.values() if strand.task is not None]
        self._strands.clear()
        await asyncio.gather(*tasks)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # `wait_for` of Python 3.11 can swallow a cancellation
                await self._stop.wait()


def _named(error: BaseException) -> str:
    """An error without the values in it: those may be personal data."""
    detail = str(error) if kind_of(error) is Kind.FINAL else ""
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__
