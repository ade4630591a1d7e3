"""The Bus on Apache Kafka; see the port for its promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError, for_code
from aiokafka.structs import TopicPartition as KafkaPlace

from libs.events.bus import Difference, Outcome, Outgoing, Record, Topic, TopicPartition
from libs.events.bus_settings import MAX_RECORD_BYTES, BusSettings
from libs.events.kafka import topics as kafka_topics
from libs.events.kafka.acls import unguarded
from libs.events.kafka.connection import administrator, available, connection
from libs.events.kafka.publisher import Publisher
from libs.events.kafka.subscription import KafkaSubscription, record_of

T = TypeVar("T")


class KafkaBus:
    """A cluster of brokers, ours or somebody else's."""

    def __init__(self, servers: Sequence[str], settings: BusSettings) -> None:
        """`servers` are `host:port`, some of the cluster's. Connects at first use."""
        self._servers = servers
        self._settings = settings
        self._publisher = Publisher(servers, settings)

    async def publish(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """See Bus."""
        return await self._publisher.publish(records)

    def subscribe(self, group: str, topics: Sequence[str]) -> AbstractAsyncContextManager[KafkaSubscription]:
        """See Bus."""
        return KafkaSubscription(group, sorted(set(topics)), self._servers, self._settings).joined()

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        """See Bus. Three replicas where there are three brokers."""
        async with self._admin() as admin:
            return await kafka_topics.create(admin, topics)

    async def check_topics(self, topics: Sequence[Topic]) -> Difference:
        """See Bus."""
        async with self._admin() as admin:
            return await kafka_topics.check(admin, topics)

    async def lag(self, group: str) -> dict[TopicPartition, int]:
        """See Bus."""
        async with self._admin() as admin:
            offsets = await self._patiently(lambda: admin.list_consumer_group_offsets(group))
            members = await self._patiently(lambda: _subscribed(admin, group))
            topics = members or {place.topic for place in offsets}
            places = await _places(admin, topics)
        if not places:
            return {}
        async with self._reader() as reader:
            ends = await reader.end_offsets(places)
            starts = await reader.beginning_offsets(places)
        read = {place: max(starts[place], offsets[place].offset if place in offsets else 0) for place in places}
        return {TopicPartition(*place): max(0, ends[place] - read[place]) for place in sorted(places)}

    async def read(self, topic: str) -> list[Record]:
        """See Bus."""
        records = []
        async with self._admin() as admin:
            places = await _places(admin, [topic])
        if not places:
            return []
        async with self._reader() as reader:
            for place in places:
                reader.assign([place])
                await reader.seek_to_beginning(place)
                end = (await reader.end_offsets([place]))[place]
                while await reader.position(place) < end:
                    found = await reader.getmany(place, timeout_ms=1000)
                    records += [record_of(message) for message in found.get(place, ())]
        return records

    async def forget(self, keys: Sequence[str]) -> int:  # noqa: ARG002 - the port's
        """See Bus: this log is only ever appended to."""
        return 0

    async def identity(self) -> str:
        """See Bus."""
        async with self._admin() as admin:
            return f"kafka:{(await admin.describe_cluster())['cluster_id']}"

    async def unguarded(self) -> list[str]:
        """See Bus."""
        async with self._admin() as admin:
            return await unguarded(admin)

    async def close(self) -> None:
        """See Bus."""
        await self._publisher.close()

    def _admin(self) -> AbstractAsyncContextManager[AIOKafkaAdminClient]:
        return administrator(self._servers, self._settings)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again while the cluster only needs time, as a new one does to find a group's coordinator."""
        async with asyncio.timeout(self._settings.request_timeout):
            while True:
                try:
                    return await ask()
                except KafkaError as error:
                    if not error.retriable:
                        raise
                await asyncio.sleep(0.1)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer without a group, for a moment."""
        size = MAX_RECORD_BYTES + 200_000
        how: dict[str, Any] = {**connection(self._servers, self._settings), "max_partition_fetch_bytes": size}
        with available():
            reader = AIOKafkaConsumer(**how, enable_auto_commit=False)
            try:
                await reader.start()
                yield reader
            finally:
                with suppress(KafkaError, OSError):
                    await reader.stop()


async def _places(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> list[KafkaPlace]:
    """All partitions of those topics that exist, sorted."""
    described = await admin.describe_topics(list(topics)) if topics else []
    return sorted(KafkaPlace(each["topic"], part["partition"]) for each in described for part in each["partitions"])


async def _subscribed(admin: AIOKafkaAdminClient, group: str) -> set[str]:
    """What a group's present members read."""
    topics: set[str] = set()
    for answer in await admin.describe_consumer_groups([group]):
        for described in answer.to_object()["groups"]:
            if described["error_code"]:
                raise for_code(described["error_code"])(group)
            for member in described["members"]:
                if member["member_metadata"]:
                    topics |= set(ConsumerProtocolMemberMetadata.decode(member["member_metadata"]).subscription)
    return topics
