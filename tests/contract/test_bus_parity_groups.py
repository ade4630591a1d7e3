"""Consumer groups on every bus: who reads what, while members come, go, die and freeze."""

import asyncio
import random
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import pytest

from libs.events.bus import LostAssignmentError, Outgoing, Record, Subscription, TopicPartition
from tests.contract.bus_member import member as process
from tests.contract.bus_world import (
    World,
    collect,
    firsts,
    following,
    nothing_more,
    numbered,
    polled,
    send,
    until,
)


def shared_out(members: Sequence[Subscription], topics: Sequence[str], partitions: int) -> bool:
    """Every partition has one reader, equal numbers of all topics the same one, and nobody goes empty."""
    numbers = [sorted(place.partition for place in member.assigned if place.topic == topics[0]) for member in members]
    alike = all(
        member.assigned == {TopicPartition(topic, n) for topic in topics for n in own}
        for member, own in zip(members, numbers, strict=True)
    )
    return alike and all(numbers) and sorted(n for own in numbers for n in own) == list(range(partitions))


def places_of(records: Sequence[Record]) -> set[tuple[TopicPartition, int]]:
    """Where they stand; a record that came twice counts once."""
    return {(record.place, record.offset) for record in records}


async def test_groups_of_one_two_and_three_share_every_partition(world: World) -> None:
    topics = [await world.topic(6), await world.topic(6)]
    async with AsyncExitStack() as members:
        present: list[Subscription] = []
        for _ in range(3):
            present.append(await members.enter_async_context(world.open().subscribe(world.group, topics)))
            async with polled(*present):
                await until(lambda: shared_out(present, topics, 6))
        async with polled(*present[:2]):
            await present[2].poll(1, 0)
            assert shared_out(present, topics, 6), "nothing moves while nobody comes or goes"


async def test_a_member_that_leaves_hands_over_at_once(world: World) -> None:
    topic = await world.topic(4)
    patient = 30.0
    async with world.open(session_timeout=patient).subscribe(world.group, [topic]) as stays:
        leaving = world.open(session_timeout=patient).subscribe(world.group, [topic])
        async with leaving as leaves, polled(stays, leaves):
            await until(lambda: shared_out([stays, leaves], [topic], 4))
        left = time.monotonic()
        async with polled(stays):
            await until(lambda: len(stays.assigned) == 4)
        assert time.monotonic() - left < patient / 2


async def test_more_members_than_partitions_leave_some_waiting_and_ready(world: World) -> None:
    topic, bus = await world.topic(1), world.open()
    async with bus.subscribe(world.group, [topic]) as first:
        async with world.open().subscribe(world.group, [topic]) as second, polled(first, second) as taken:
            await send(bus, numbered(topic, "k", 0, 5))
            await until(lambda: len(places_of(taken)) == 5 and len(first.assigned) + len(second.assigned) == 1)
        async with polled(first) as taken:
            await send(bus, numbered(topic, "k", 5, 1))
            await until(lambda: TopicPartition(topic, 0) in first.assigned and (first_of(topic, 5) in places_of(taken)))


def first_of(topic: str, offset: int) -> tuple[TopicPartition, int]:
    """A place in the first partition."""
    return TopicPartition(topic, 0), offset


async def test_members_of_one_group_may_read_different_topics(world: World) -> None:
    one, two = await world.topic(2), await world.topic(2)
    async with (
        world.open().subscribe(world.group, [one]) as left,
        world.open().subscribe(world.group, [one, two]) as right,
        polled(left, right),
    ):
        await until(lambda: {place.topic for place in right.assigned} == {one, two} and len(left.assigned) == 1)
        assert {place.topic for place in left.assigned} == {one}


async def test_a_commit_after_the_group_has_moved_on_is_refused(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(40)])
    async with bus.subscribe(world.group, [topic]) as first:
        records = await collect(first, 40)
        async with world.open().subscribe(world.group, [topic]) as second:
            async with polled(second) as taken:
                await until(lambda: second.assigned)
            with pytest.raises(LostAssignmentError):
                await first.commit(following(records))
            (kept,) = first.assigned - second.assigned
            with pytest.raises(LostAssignmentError):  # what stays with it as well: it comes again
                await first.commit({kept: 1})
            assert sum((await bus.lag(world.group)).values()) == 40
            async with polled(first, second) as rest:
                await until(lambda: len(places_of(taken + rest)) == 40)


async def test_a_rebalance_forgets_the_pause(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    async with bus.subscribe(world.group, [topic]) as first:
        await nothing_more(first)
        first.pause(sorted(first.assigned))
        async with world.open().subscribe(world.group, [topic]) as second, polled(first, second) as taken:
            await until(lambda: shared_out([first, second], [topic], 2))
            await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(40)])
            await until(lambda: len(places_of(taken)) == 40)


@dataclass
class Desk:
    """Members that come and go while they work, and what they have seen in all."""

    world: World
    topic: str
    seen: dict[str, list[int]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    async def work(self, turns: int) -> None:
        """Poll and commit so many times, as a member of the group."""
        async with self.world.open().subscribe(self.world.group, [self.topic]) as member:
            for _ in range(turns):
                for place, records in (await member.poll(self.chance.randint(1, 30), 0.1)).items():
                    await self.handle(member, place, records)

    async def handle(self, member: Subscription, place: TopicPartition, records: Sequence[Record]) -> None:
        """Take some time for a batch, then commit it, if it is still ours."""
        for record in records:
            self.seen.setdefault(record.key, []).append(int(record.value))
        await asyncio.sleep(self.chance.random() / 50)
        with suppress(LostAssignmentError):
            await member.commit({place: records[-1].offset + 1})


async def test_rebalancing_while_working_loses_nothing_and_keeps_each_keys_order(world: World) -> None:
    topic, bus = await world.topic(6), world.open()
    desk, keys, count = Desk(world, topic), [f"key {n}" for n in range(8)], 240

    async def publish() -> None:
        for first in range(0, count, 10):
            await send(bus, [record for key in keys for record in numbered(topic, key, first, 10)])
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as all_day:
        steady = all_day.create_task(desk.work(1_000_000))
        publishing = all_day.create_task(publish())
        for _ in range(3):
            await asyncio.gather(desk.work(12), desk.work(5))
        await publishing
        while sum((await bus.lag(world.group)).values()):
            await asyncio.sleep(0.1)
        steady.cancel()
    assert {key: firsts(numbers) for key, numbers in desk.seen.items()} == {key: list(range(count)) for key in keys}


async def test_a_slow_member_keeps_its_partitions(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    async with bus.subscribe(world.group, [topic]) as slow, world.open().subscribe(world.group, [topic]) as other:
        async with polled(slow, other):
            await until(lambda: shared_out([slow, other], [topic], 2))
        (own,) = slow.assigned
        await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(20)])
        records = await collect(slow, 1)
        async with polled(other):
            await asyncio.sleep(world.session_timeout * 1.5)  # longer than a silent member would live
        await slow.commit(following(records))
        assert slow.assigned == {own}
        assert {record.place for record in records} == {own}
        assert len(other.assigned) == 1


async def test_what_a_killed_process_had_not_committed_comes_to_another(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(20)])
    async with process(world, topic) as dies:
        taken = await dies.ask("poll", 20)
        assert await dies.ask("commit", [0, 2]) == "committed"
        dies.signal(signal.SIGKILL)
        async with bus.subscribe(world.group, [topic]) as heir:
            records = await collect(heir, 18)
            await nothing_more(heir)
    again = {(record.partition, record.offset) for record in records}
    assert again == {tuple(place) for place in taken} - {(0, 0), (0, 1)}


async def test_a_frozen_process_loses_its_partitions_and_does_no_harm_when_it_wakes(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(30)])
    async with process(world, topic) as frozen, bus.subscribe(world.group, [topic]) as heir:
        async with polled(heir) as records:
            await frozen.ask("poll", 1)
            await until(lambda: len(heir.assigned) == 1)
            (kept,) = heir.assigned
            lost = TopicPartition(topic, 1 - kept.partition)
            frozen.signal(signal.SIGSTOP)
            await until(lambda: len(places_of(records)) == 30 and len(heir.assigned) == 2)
        await heir.commit(following(records))
        assert not any((await bus.lag(world.group)).values())
        frozen.signal(signal.SIGCONT)
        assert await frozen.ask("commit", [lost.partition, 1]) == "lost"
        assert not any((await bus.lag(world.group)).values()), "what the heir committed stands"
        # awake, it is a member again and gets only what is new
        await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(30)])
        async with polled(heir):
            ends = following(records)
            assert all(n >= ends[TopicPartition(topic, p)] for p, n in await frozen.ask("poll", 1))
