"""Publishing to Kafka: each partition's records as whole batches, one at a time, so that nothing overtakes a failure.

The client's own batching would go on with the next batch after one has failed, and a record would overtake an earlier
one of its key. Here a batch is all or none, and the next one waits for the answer. A failure ends the producer: after a
refused record an idempotent one answers OutOfOrderSequenceNumber for its partition for ever; the next publish opens
another.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder

from libs.events.bus import Failed, Outcome, Outgoing, Refused, Sent, TopicPartition
from libs.events.bus_settings import BusSettings, refusal
from libs.events.kafka.connection import closed_at_last, connection, patient
from libs.events.partitions import partition_of

_BATCH_BYTES = 512 * 1024
_FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)
_AGAIN = "an earlier record of its partition failed"
_UNKNOWN_TRIES = 3


class Publisher:
    """One idempotent producer at a time, `acks=all`; publishes one after the other."""

    def __init__(self, servers: Sequence[str], settings: BusSettings) -> None:
        """Connects at the first publish."""
        self._servers = servers
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[list[Outcome]]] = set()
        self._one_by_one: set[TopicPartition] = (
            set()
        )  # a batch of several was refused: find the record that is to blame

    async def publish(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """See Bus. A caller that gives up stops nothing: what is under way ends in its turn, before anything later."""
        publishing = asyncio.create_task(self._publish(records))
        self._under_way.add(publishing)
        publishing.add_done_callback(self._under_way.discard)
        return await asyncio.shield(publishing)

    async def close(self) -> None:
        """Let go of the producer; nothing is under way, or whoever waits for it gets a failure."""
        async with self._turn:
            await self._end()

    async def _publish(self, records: Sequence[Outgoing]) -> list[Outcome]:
        outcomes: list[Outcome | None] = [refusal(record) for record in records]
        async with self._turn:
            sound = False
            try:
                sound = await self._send(records, outcomes)
            except (KafkaError, OSError) as error:
                why = Failed(_said(error))
                outcomes = [outcome or why for outcome in outcomes]
            finally:
                if not sound:
                    await self._end()
        return [outcome or Failed("not tried") for outcome in outcomes]

    async def _send(self, records: Sequence[Outgoing], outcomes: list[Outcome | None]) -> bool:
        """Fill in the outcomes that are still open; whether the producer is as good as before.

        In waves, within which each key has one topic: the log orders within a topic only.
        """
        sound, stopped = True, dict[str, Failed]()
        for wave in _waves(records, outcomes):
            if not sound:
                await self._end()
            producer = await self._opened()
            queues: dict[TopicPartition, list[int]] = {}
            for n in wave:
                record = records[n]
                if record.key in stopped:
                    outcomes[n] = stopped[record.key]
                elif count := await self._partitions(producer, record.topic):
                    place = TopicPartition(record.topic, partition_of(record.key.encode(), count))
                    queues.setdefault(place, []).append(n)
                else:
                    outcomes[n] = Failed(f"there is no topic {record.topic}")
            async with asyncio.TaskGroup() as deliveries:
                for place, queue in queues.items():
                    deliveries.create_task(self._deliver(producer, place, queue, records, outcomes))
            sound = all(isinstance(outcomes[n], Sent) for queue in queues.values() for n in queue)
            stopped |= {records[n].key: failed for n in wave if isinstance(failed := outcomes[n], Failed)}
        return sound

    async def _deliver(
        self,
        producer: AIOKafkaProducer,
        place: TopicPartition,
        queue: Sequence[int],
        records: Sequence[Outgoing],
        outcomes: list[Outcome | None],
    ) -> None:
        """Send one partition's records, batch after batch, until one fails."""
        done = 0
        while done < len(queue):
            builder, taken = producer.create_batch(), 0
            while done + taken < len(queue) and _appended(builder, records[queue[done + taken]]):
                taken += 1
                if place in self._one_by_one:
                    break
            batch, done = queue[done : done + taken], done + taken
            result = await self._delivered(producer, builder, place, taken)
            for at, n in enumerate(batch):
                outcomes[n] = Sent(place.partition, result + at) if isinstance(result, int) else result
            if not isinstance(result, int):
                for n in queue[done:]:
                    outcomes[n] = Failed(_AGAIN)
                return
        self._one_by_one.discard(place)

    async def _delivered(
        self, producer: AIOKafkaProducer, builder: BatchBuilder, place: TopicPartition, records: int
    ) -> int | Failed | Refused:
        """The first record's offset once the cluster has the batch."""
        try:
            async with asyncio.timeout(self._settings.request_timeout):
                future = await producer.send_batch(builder, place.topic, partition=place.partition)
                future.add_done_callback(_seen)
                return int((await future).offset)
        except _FOR_GOOD as error:
            if records == 1:
                return Refused(_said(error))
            self._one_by_one.add(place)
            return Failed(_said(error))
        except (KafkaError, OSError) as error:
            return Failed(_said(error))

    async def _partitions(self, producer: AIOKafkaProducer, topic: str) -> int:
        """How many a topic has; 0 when it does not exist."""
        cluster = producer.client.cluster
        for _ in range(_UNKNOWN_TRIES):
            if found := cluster.partitions_for_topic(topic):
                return len(found)
            await producer.client.add_topic(topic)
            await producer.client.force_metadata_update()
        return len(cluster.partitions_for_topic(topic) or ())

    async def _opened(self) -> AIOKafkaProducer:
        if self._producer is None:
            told = connection(self._servers, self._settings)
            producer = AIOKafkaProducer(**told, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES)
            patient(producer.client)
            try:
                async with asyncio.timeout(self._settings.request_timeout):
                    await producer.start()
            except BaseException:
                await _abandon(producer)
                raise
            self._producer = producer
        return self._producer

    async def _end(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _abandon(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close at once. The client's own `stop` would go on delivering what has already been reported as failed."""
    producer._closed = True  # noqa: SLF001 - there is no public way to close without delivering
    sending: asyncio.Task[Any] | None = producer._sender.sender_task  # noqa: SLF001
    if sending is not None:
        sending.cancel()
        await asyncio.wait([sending], timeout=1)
    await closed_at_last(producer.client)
    if sending is not None and not sending.done():  # it waited for an answer, which cannot come any more
        await asyncio.wait([sending], timeout=3)
        sending.cancel()  # or it waits for news of the cluster, which nobody brings any more
        await asyncio.wait([sending], timeout=1)
        await closed_at_last(producer.client)


def _waves(records: Sequence[Outgoing], outcomes: Sequence[Outcome | None]) -> list[list[int]]:
    """The open records' numbers, divided so that within a wave each key has one topic."""
    waves: list[list[int]] = []
    last: dict[str, tuple[int, str]] = {}  # key -> its latest wave, and its topic there
    for n, record in enumerate(records):
        if outcomes[n] is None:
            wave, topic = last.get(record.key, (0, record.topic))
            wave += topic != record.topic
            last[record.key] = (wave, record.topic)
            if wave == len(waves):
                waves.append([])
            waves[wave].append(n)
    return waves


def _appended(builder: BatchBuilder, record: Outgoing) -> bool:
    """Whether it still fits; the first one always does."""
    key = record.key.encode()
    return builder.append(timestamp=None, key=key, value=record.value, headers=list(record.headers)) is not None


def _seen(future: "asyncio.Future[Any]") -> None:
    """Look at an error that nobody waits for any more, so that it is not reported as overlooked."""
    if not future.cancelled():
        future.exception()


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
