"""Topics on Kafka: created with our settings, compared with what must be."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import InvalidReplicationFactorError, TopicAlreadyExistsError, for_code

from libs.events.bus import BusUnavailableError, Difference, Topic

_REPLICAS = 3
_READY_WITHIN = 15.0
_DAY = timedelta(days=1)


async def create(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[str]:
    """Create those that are missing and wait until they can be written to; their names."""
    present = set(await admin.list_topics())
    wanted = [topic for topic in topics if topic.name not in present]
    if not wanted:
        return []
    brokers = len((await admin.describe_cluster())["brokers"])
    answer = await admin.create_topics([_new(topic, min(_REPLICAS, brokers)) for topic in wanted])
    made = []
    for name, code, *_ in answer.topic_errors:  # a failure does not raise: it is said here
        error = for_code(code)
        if error is InvalidReplicationFactorError:
            raise BusUnavailableError(f"{name}: not all brokers are there yet")
        if error is not TopicAlreadyExistsError and code:
            raise error(name)
        if not code:
            made.append(name)
    await _ready(admin, wanted)
    return made


async def check(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> Difference:
    """Compare what exists with what must."""
    present = set(await admin.list_topics())
    difference = Difference(missing=[topic.name for topic in topics if topic.name not in present])
    wanted = [topic for topic in topics if topic.name in present]
    if not wanted:
        return difference
    counts = {
        found["topic"]: len(found["partitions"]) for found in await admin.describe_topics([t.name for t in wanted])
    }
    configs = await _configs(admin, [topic.name for topic in wanted])
    for topic in wanted:
        if counts[topic.name] != topic.partitions:
            difference.wrong.append(f"{topic.name}: partitions is {counts[topic.name]}, must be {topic.partitions}")
        for name, value in _settings(topic).items():
            if (found := configs[topic.name].get(name)) != value:
                difference.wrong.append(f"{topic.name}: {name} is {found}, must be {value}")
    return difference


def _settings(topic: Topic) -> dict[str, str]:
    """What makes a Kafka topic the one that is meant. Segments of a day at most: only closed ones are cleaned."""
    kept = topic.retention
    policy = ["compact"] if topic.compacted else []
    policy += ["delete"] if kept is not None or not topic.compacted else []
    segment = min(_DAY, kept) if kept else _DAY
    return {
        "cleanup.policy": ",".join(policy),
        "retention.ms": "-1" if kept is None else str(int(kept.total_seconds() * 1000)),
        "segment.ms": str(int(segment.total_seconds() * 1000)),
        "message.timestamp.type": "LogAppendTime",
    }


def _new(topic: Topic, replicas: int) -> NewTopic:
    settings = _settings(topic) | {"min.insync.replicas": str(max(1, replicas - 1))}
    return NewTopic(topic.name, topic.partitions, replicas, topic_configs=settings)


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = {}
    for answer in await admin.describe_configs(asked):
        for _code, _message, _kind, name, entries in answer.resources:
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _ready(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> None:
    """Wait until every partition has a leader."""
    async with asyncio.timeout(_READY_WITHIN):
        while True:
            found = {
                each["topic"]: each["partitions"] for each in await admin.describe_topics([t.name for t in topics])
            }
            if all(
                len(found.get(topic.name, ())) > 0 and all(part["leader"] >= 0 for part in found[topic.name])
                for topic in topics
            ):
                return
            await asyncio.sleep(0.1)
