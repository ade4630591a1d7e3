"""Which partition a key goes to, and which member reads which partition: the same on both buses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from libs.events.bus import TopicPartition

Member = TypeVar("Member")
_WORD = 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own default partitioner puts this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 with Kafka's seed, unsigned."""
    mixer, length = 0x5BD1E995, len(data)
    found = (0x9747B28C ^ length) & _WORD
    whole = length - length % 4
    for place in range(0, whole, 4):
        word = int.from_bytes(data[place : place + 4], "little") * mixer & _WORD
        word = (word ^ word >> 24) * mixer & _WORD
        found = (found * mixer & _WORD) ^ word
    if whole < length:
        found = (found ^ int.from_bytes(data[whole:], "little")) * mixer & _WORD
    found = (found ^ found >> 13) * mixer & _WORD
    return found ^ found >> 15


def share(
    member: Member, topics_of: Mapping[Member, Iterable[str]], order: Sequence[Member], partitions: Mapping[str, int]
) -> list[TopicPartition]:
    """One member's share by range: each topic is cut among its readers, in `order`, the first taking what is left over.

    Equal partition numbers of topics with the same readers and the same count stay with one member.
    """
    mine = []
    for topic, count in sorted(partitions.items()):
        readers = [other for other in order if topic in topics_of[other]]
        if member not in readers:
            continue
        place = readers.index(member)
        each, over = divmod(count, len(readers))
        first = place * each + min(place, over)
        mine += [TopicPartition(topic, first + n) for n in range(each + (place < over))]
    return mine
