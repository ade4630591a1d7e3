"""The bus port: what a durable, partitioned log must do for us. Two adapters keep it: `kafka` and `postgres`.

One parity suite (tests/contract/test_bus_parity.py) holds both to the same behaviour.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

Headers = tuple[tuple[str, bytes], ...]


class TopicPartition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it must exist: partitions are fixed at creation."""

    name: str
    partitions: int = 8
    retention: timedelta | None = timedelta(days=7)  # None: kept for ever
    compacted: bool = False


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way to the log; equal keys of one topic share a partition and keep their order."""

    topic: str
    key: str
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A record as read from the log. `offset` is its place in its partition; `timestamp` is the log's own (UTC)."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Headers
    timestamp: datetime

    @property
    def place(self) -> TopicPartition:
        """The partition it was read from."""
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Sent:
    """The log has it, on as many replicas as it promised (`acks=all`)."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The log will never take this record as it is (too large, unknown topic of a wrong name ...)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The log may or may not have it; sending it again later is right."""

    reason: str


Outcome = Sent | Refused | Failed


class LostAssignmentError(Exception):
    """The group has moved on: these partitions are another member's now; drop the work and poll again."""


class BusUnavailableError(Exception):
    """The log cannot be reached now; wait and try again."""


@dataclass(slots=True)
class Difference:
    """Where the topics that exist differ from those that must."""

    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # sentences: which topic, what is, what must be


class Subscription(Protocol):
    """One member of a consumer group. A new group starts at the earliest record."""

    @property
    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions this member reads now; changes only while `poll` runs."""

    async def poll(self, limit: int, wait: float) -> Mapping[TopicPartition, Sequence[Record]]:
        """Up to `limit` records of each partition not paused, in offset order; waits `wait` seconds for the first.

        A record is delivered once per assignment unless `seek` goes back; after a crash or a rebalance reading
        resumes at the committed offset. Also the place where rebalances happen.
        """

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Remember the next offset to read of each partition; never goes back.

        LostAssignmentError if the group has moved on.
        """

    def pause(self, places: Sequence[TopicPartition]) -> None:
        """Stop fetching these partitions; they stay assigned. A rebalance forgets the pause."""

    def resume(self, places: Sequence[TopicPartition]) -> None:
        """Fetch them again, from where reading stopped."""

    async def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from `offset`; records already fetched of that partition are dropped."""


class Bus(Protocol):
    """A durable, partitioned log."""

    async def publish(self, records: Sequence[Outgoing]) -> list[Outcome]:
        """Append in the order given; one outcome for each record, in the same order; never raises for a record.

        Of the records of one key, whatever their topics, those after a `Failed` one are not `Sent` either, and none
        is in the log before an earlier one is: order per key is kept.
        """

    def subscribe(self, group: str, topics: Sequence[str]) -> AbstractAsyncContextManager[Subscription]:
        """Join `group` for as long as the context lasts; leaving hands the partitions over at once.

        Entering raises BusUnavailableError when the log is away. Later it may be away and come back: the subscription
        goes on, `poll` gives nothing or raises BusUnavailableError meanwhile.
        """

    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        """Create those that are missing and return their names; existing ones are left as they are."""

    async def check_topics(self, topics: Sequence[Topic]) -> Difference:
        """Compare what exists with what must."""

    async def lag(self, group: str) -> dict[TopicPartition, int]:
        """Records the group still has to read of each partition; one never committed counts from its start."""

    async def read(self, topic: str) -> list[Record]:
        """All records a topic holds now, by partition and offset: for tools and tests, not for consumers."""

    async def forget(self, keys: Sequence[str]) -> int:
        """Take the person out of every record of these keys, where the log can be written anew; how many changed.

        Kafka's log cannot: there a record goes when its retention is over, and the answer is 0.
        """

    async def identity(self) -> str:
        """Which log this is: `kafka:<cluster id>` or `postgres:<system identifier>/<database>`."""

    async def unguarded(self) -> list[str]:
        """Why this login is not held to what its service may do, in sentences; BusUnavailableError when away.

        The embedded log is one database that its services share: there it is always empty.
        """

    async def close(self) -> None:
        """Let go of every connection."""
