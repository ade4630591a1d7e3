"""One member of a Kafka consumer group."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import TopicPartition as KafkaPlace

from libs.events.bus import BusUnavailableError, LostAssignmentError, Record, TopicPartition
from libs.events.bus_settings import MAX_RECORD_BYTES, BusSettings
from libs.events.kafka.connection import available, closed_at_last, connection, patient

_PATIENCE_MS = (
    3_600_000  # between two polls: a slow handler is our own business, a dead process is seen by its heartbeat
)
_CLOSING = 5.0


class KafkaSubscription:
    """Reads its share of the topics; the client's background tasks say that it lives, however slow its owner is.

    `epoch` counts revocations. The client rebalances in the background at any moment; here the change shows only in
    `poll`, and a commit for what an earlier epoch delivered is refused.
    """

    def __init__(self, group: str, topics: Sequence[str], servers: Sequence[str], settings: BusSettings) -> None:
        """Joins when `joined` opens."""
        self._group = group
        self._topics = topics
        self._how = {
            **connection(servers, settings),
            "group_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "partition_assignment_strategy": [RangePartitionAssignor],
            "session_timeout_ms": int(settings.session_timeout * 1000),
            "heartbeat_interval_ms": int(settings.session_timeout * 1000 / 3),
            "max_poll_interval_ms": _PATIENCE_MS,
            "fetch_max_bytes": settings.fetch_bytes,
            "max_partition_fetch_bytes": MAX_RECORD_BYTES + 200_000,
        }
        self._request_timeout = settings.request_timeout
        self._consumer: AIOKafkaConsumer
        self._revocations = Revocations()
        self._epoch = 0  # the revocations that had happened when `poll` last returned
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._committed: dict[
            TopicPartition, int
        ] = {}  # what the group has committed, as far as looked up in this epoch
        self._reread: set[TopicPartition] = set()  # to be read again from the committed offset

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """See Subscription."""
        return self._assigned

    @asynccontextmanager
    async def joined(self) -> AsyncIterator["KafkaSubscription"]:
        """Be a member inside; hand over at the end. BusUnavailableError when the cluster is away at the start."""
        self._consumer = AIOKafkaConsumer(**self._how)
        patient(self._consumer._client)  # noqa: SLF001
        starting = asyncio.create_task(self._consumer.start())
        try:
            with available():
                # the client leaks connections when its start is cancelled midway
                async with asyncio.timeout(3 * self._request_timeout):
                    await asyncio.shield(starting)
            # subscribed before the start, the client would insist that all topics exist
            self._consumer.subscribe(self._topics, listener=self._revocations)
            yield self
        finally:
            await _closed(self._consumer, starting)

    async def poll(self, limit: int, wait: float) -> Mapping[TopicPartition, Sequence[Record]]:
        """See Subscription."""
        with available():
            await self._read_again()
            fetched: dict[KafkaPlace, Any] = {}
            with suppress(TimeoutError):  # while the group rebalances, `getmany` waits for its end, however long
                async with asyncio.timeout(wait + 0.5):
                    fetched = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=limit)
            epoch = self._revocations.count
            if sum(map(len, fetched.values())) >= limit:  # there is more: the other partitions get their turn as well
                for place in sorted(self._consumer.assignment() - fetched.keys() - self._consumer.paused()):
                    more = await self._consumer.getmany(place, timeout_ms=0, max_records=limit)
                    if self._revocations.count != epoch:  # what came before will come again
                        fetched, epoch = {}, self._revocations.count
                    fetched |= more
        if fetched or self._revocations.settled:
            self._take_over(epoch)
        return {TopicPartition(*place): [record_of(m) for m in messages] for place, messages in fetched.items()}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """See Subscription."""
        if self._epoch != self._revocations.count or not offsets.keys() <= self._assigned:
            raise LostAssignmentError(f"{self._group}: the group has moved on")
        try:
            with available():
                async with asyncio.timeout(self._request_timeout):
                    await self._commit_forwards(offsets)
        except BusUnavailableError as error:
            if not isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                raise
            self._reread |= offsets.keys()  # whatever a poll meanwhile took over: the caller now drops the work
            raise LostAssignmentError(f"{self._group}: {error.__cause__}") from error

    def pause(self, places: Sequence[TopicPartition]) -> None:
        """See Subscription."""
        self._consumer.pause(*self._still_ours(places))

    def resume(self, places: Sequence[TopicPartition]) -> None:
        """See Subscription."""
        self._consumer.resume(*self._still_ours(places))

    async def seek(self, place: TopicPartition, offset: int) -> None:
        """See Subscription."""
        if not self._still_ours([place]):
            raise LostAssignmentError(f"{place.topic}/{place.partition} is not assigned to this member")
        self._consumer.seek(KafkaPlace(*place), offset)

    async def _commit_forwards(self, offsets: Mapping[TopicPartition, int]) -> None:
        """One owner a partition, so looking first and then writing is safe; a former owner is refused."""
        for place in offsets.keys() - self._committed.keys():
            self._committed[place] = await self._consumer.committed(KafkaPlace(*place)) or 0
        reached = {place: max(offset, self._committed[place]) for place, offset in offsets.items()}
        if reached:
            await self._consumer.commit({KafkaPlace(*place): offset for place, offset in reached.items()})
            self._committed |= reached

    async def _read_again(self) -> None:
        for place in self._still_ours(sorted(self._reread)):
            committed = await self._consumer.committed(place)
            if place in self._consumer.assignment():
                self._consumer.seek(place, committed or 0)
        self._reread.clear()

    def _take_over(self, epoch: int) -> None:
        if epoch != self._epoch:
            self._epoch = epoch
            self._committed.clear()
            self._reread.clear()
        self._assigned = frozenset(TopicPartition(*place) for place in self._consumer.assignment())

    def _still_ours(self, places: Sequence[TopicPartition]) -> list[KafkaPlace]:
        """Those that a rebalance in the background has not taken meanwhile."""
        ours = self._consumer.assignment()
        return [KafkaPlace(*place) for place in places if KafkaPlace(*place) in ours]


class Revocations(ConsumerRebalanceListener):  # type: ignore[misc] # published without types
    """Counts how often the group has taken this member's partitions away, to give it new ones afterwards.

    From the revocation to the new assignment the client returns no records, so a record's epoch is the count at the
    moment it is returned.
    """

    def __init__(self) -> None:
        """Before the first join."""
        self.count = 0
        self.settled = False

    def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - the client's own signature
        """A rebalance begins."""
        self.count += 1
        self.settled = False

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        """It has ended."""
        self.settled = True


def record_of(message: Any) -> Record:
    """A message as the record it is."""
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=(message.key or b"").decode(),
        value=message.value or b"",
        headers=tuple((name, value or b"") for name, value in message.headers),
        timestamp=datetime.fromtimestamp(message.timestamp / 1000, UTC),
    )


async def _closed(consumer: AIOKafkaConsumer, starting: "asyncio.Task[None]") -> None:
    """Leave the group, in bounded time, whatever happens meanwhile."""
    stopping = asyncio.create_task(_stop(consumer, starting))
    try:
        await asyncio.shield(stopping)
    except asyncio.CancelledError:
        await asyncio.wait([stopping])  # it is bounded
        raise


async def _stop(consumer: AIOKafkaConsumer, starting: "asyncio.Task[None]") -> None:
    await asyncio.wait([starting], timeout=_CLOSING)
    if starting.done() and not starting.cancelled():
        starting.exception()  # said to whoever waited for it
    with suppress(BusUnavailableError), available():
        async with asyncio.timeout(_CLOSING):
            await consumer.stop()
    await closed_at_last(consumer._client)  # noqa: SLF001 - `stop` gives up or overlooks some
