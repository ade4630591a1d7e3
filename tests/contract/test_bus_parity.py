"""What every bus must do for us: one suite, held by the embedded log and by Apache Kafka alike."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from libs.events.bus import Failed, LostAssignmentError, Outgoing, Refused, Sent, Topic, TopicPartition
from tests.contract.bus_world import World, by_key, collect, following, nothing_more, numbered, send, until

ALL_BYTES = bytes(range(256))


async def test_records_of_one_key_keep_their_order_whoever_else_publishes(world: World) -> None:
    topic = await world.topic()

    async def publish(producer: int) -> None:
        bus = world.open()
        for first in range(0, 200, 20):
            batches = [numbered(topic, f"{producer}-{key}", first, 20) for key in range(4)]
            await send(bus, [record for each in zip(*batches, strict=True) for record in each])

    await asyncio.gather(*(publish(producer) for producer in range(4)))
    async with world.open().subscribe(world.group, [topic]) as member:
        records = await collect(member, 3200)
        await nothing_more(member)
    assert by_key(records) == {f"{p}-{k}": list(range(200)) for p in range(4) for k in range(4)}


async def test_offsets_have_no_hole_and_outcomes_say_where_each_record_is(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    records = [Outgoing(topic, f"key {n % 7}", str(n).encode()) for n in range(300)]
    sent = await send(bus, records)
    read = await bus.read(topic)
    assert {(r.partition, r.offset): r.value for r in read} == {
        (s.partition, s.offset): r.value for s, r in zip(sent, records, strict=True)
    }
    assert [(r.partition, r.offset) for r in read] == sorted((r.partition, r.offset) for r in read)
    for partition in range(3):
        offsets = [r.offset for r in read if r.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_a_key_has_the_same_partition_on_every_bus(world: World) -> None:
    topic = await world.topic(8)
    keys = ["order-1", "order-2", "mug@milano", "șțăàé", "", "a\0b", "0191d3a0-7c3e-7000-8000-000000000000"]
    sent = await send(world.open(), [Outgoing(topic, key, b"") for key in keys])
    assert [outcome.partition for outcome in sent] == [6, 3, 4, 5, 1, 1, 2]  # as Kafka's own client places them


async def test_key_value_and_headers_arrive_byte_for_byte(world: World) -> None:
    topic, before = await world.topic(1), datetime.now(UTC)
    headers = (
        ("ce_id", b"0191d3a0"),
        ("ce_id", b"a name may come twice"),
        ("empty", b""),
        ("șț", ALL_BYTES),
        ("", b"\0"),
    )
    sent = [Outgoing(topic, "a\0b ș 🏺", ALL_BYTES * 3, headers), Outgoing(topic, "", b"")]
    await send(world.open(), sent)
    async with world.open().subscribe(world.group, [topic]) as member:
        records = await collect(member, 2)
    assert [Outgoing(r.topic, r.key, r.value, r.headers) for r in records] == sent
    assert [(r.partition, r.offset) for r in records] == [(0, 0), (0, 1)]
    for record in records:
        assert record.timestamp.utcoffset() == timedelta(0)
        assert before - timedelta(seconds=2) < record.timestamp < datetime.now(UTC) + timedelta(seconds=2)


async def test_messages_of_900_kB_pass_many_at_a_time(world: World) -> None:  # noqa: N802 - kB is the unit
    topic = await world.topic(2)
    bus = world.open()
    sent = [Outgoing(topic, f"key {n}", bytes([n]) * 900_000) for n in range(24)]
    await send(bus, sent)
    async with bus.subscribe(world.group, [topic]) as member:
        batch = await member.poll(100, 30)
        first = [record for found in batch.values() for record in found]
        assert sum(len(record.value) for record in first) <= 10_000_000, "a poll keeps its memory bounded"
        records = first + await collect(member, 24 - len(first))
    assert {(r.key, r.value) for r in records} == {(o.key, o.value) for o in sent}


async def test_a_record_too_large_is_refused_and_later_ones_go_on(world: World) -> None:
    topic, bus = await world.topic(1), world.open()
    for _ in range(2):
        outcomes = await bus.publish(
            [Outgoing(topic, "k", b"1"), Outgoing(topic, "k", b"x" * 1_000_001), Outgoing(topic, "k", b"2")]
        )
        assert [type(outcome) for outcome in outcomes] == [Sent, Refused, Sent]
        assert isinstance(outcomes[1], Refused)
        assert "1000002 bytes" in outcomes[1].reason
    await send(bus, [Outgoing(topic, "k", b"3")])
    assert [r.value for r in await bus.read(topic)] == [b"1", b"2", b"1", b"2", b"3"]


async def test_a_topic_that_does_not_exist_fails_alone_until_it_does(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    absent = f"{topic}.absent"
    outcomes = await bus.publish([Outgoing(topic, "k", b"1"), Outgoing(absent, "k", b"2"), Outgoing(topic, "l", b"3")])
    assert [type(outcome) for outcome in outcomes] == [Sent, Failed, Sent]
    assert isinstance(outcomes[1], Failed)
    assert absent in outcomes[1].reason
    await bus.create_topics([Topic(absent, 1)])
    await send(bus, [Outgoing(absent, "k", b"2")])


async def test_after_a_failure_no_later_record_of_its_key_is_sent_in_any_topic(world: World) -> None:
    topic, other, bus = await world.topic(), await world.topic(), world.open()
    records = [(topic, "k", b"1"), (f"{topic}.absent", "k", b"2"), (other, "k", b"3"), (other, "l", b"4")]
    outcomes = await bus.publish([Outgoing(*record) for record in (*records, (topic, "k", b"5"))])
    assert [type(outcome) for outcome in outcomes] == [Sent, Failed, Failed, Sent, Failed]
    assert [r.value for r in (*await bus.read(topic), *await bus.read(other))] == [b"1", b"4"]


@pytest.mark.parametrize("name", ["no spaces", "", "a/b", "x" * 250, ".."])
async def test_what_can_never_be_a_topic_is_refused(world: World, name: str) -> None:
    assert [type(outcome) for outcome in await world.open().publish([Outgoing(name, "k", b"")])] == [Refused]


async def test_an_empty_batch_is_nothing(world: World) -> None:
    assert await world.open().publish([]) == []


async def test_a_new_group_starts_at_the_earliest_record_and_groups_do_not_disturb_each_other(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    await send(bus, numbered(topic, "k", 0, 50))
    async with bus.subscribe(f"{world.group}-1", [topic]) as first:
        records = await collect(first, 50)
        await first.commit(following(records))
    async with (
        bus.subscribe(f"{world.group}-2", [topic]) as second,
        bus.subscribe(f"{world.group}-1", [topic]) as again,
    ):
        assert by_key(await collect(second, 50)) == {"k": list(range(50))}
        await nothing_more(again)


async def test_reading_resumes_at_the_committed_offset(world: World) -> None:
    topic, bus = await world.topic(1), world.open()
    await send(bus, numbered(topic, "k", 0, 30))
    async with bus.subscribe(world.group, [topic]) as member:
        records = await collect(member, 30, limit=7)
        await member.commit(following(records[:12]))
    async with world.open().subscribe(world.group, [topic]) as member:
        assert by_key(await collect(member, 18)) == {"k": list(range(12, 30))}


async def test_a_poll_gives_at_most_its_limit_a_partition_and_returns_when_nothing_comes(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(100)])
    async with bus.subscribe(world.group, [topic]) as member:
        got = 0
        while got < 100:
            for place, found in (await member.poll(5, 1)).items():
                assert 0 < len(found) <= 5
                assert {record.place for record in found} == {place}
                got += len(found)
        started = asyncio.get_running_loop().time()
        assert not await member.poll(5, 0.5)
        assert 0.4 < asyncio.get_running_loop().time() - started < 5


async def test_no_partition_waits_behind_the_backlog_of_another(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    sent = await send(bus, [Outgoing(topic, "busy", b"x" * 1000)] * 500)
    places = {key: (await send(bus, [Outgoing(topic, key, b"")]))[0].partition for key in map(str, range(10))}
    others = {key for key, partition in places.items() if partition != sent[0].partition}
    assert others
    async with bus.subscribe(world.group, [topic]) as member:
        seen: set[str] = set()
        for _ in range(20):
            for found in (await member.poll(10, 2)).values():
                seen |= {record.key for record in found}
        assert others <= seen


async def test_what_is_published_while_a_member_waits_reaches_it_at_once(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    async with world.open().subscribe(world.group, [topic]) as member:
        await nothing_more(member)
        loop, waits = asyncio.get_running_loop(), []
        for n in range(20):
            polling = asyncio.create_task(member.poll(10, 10))
            await asyncio.sleep(0.02)  # so that it does wait
            started = loop.time()
            await send(bus, [Outgoing(topic, str(n), b"")])
            assert await polling
            waits.append(loop.time() - started)
        assert sorted(waits)[10] < 0.2, "far less than the second between two looks"


async def test_a_commit_never_goes_back(world: World) -> None:
    topic, bus = await world.topic(1), world.open()
    await send(bus, numbered(topic, "k", 0, 20))
    place = TopicPartition(topic, 0)
    async with bus.subscribe(world.group, [topic]) as member:
        await collect(member, 20)
        await member.commit({place: 15})
        await member.commit({place: 3})
        await member.commit({})
    async with bus.subscribe(world.group, [topic]) as member:
        assert by_key(await collect(member, 5)) == {"k": list(range(15, 20))}
        await member.seek(place, 2)
        await collect(member, 18)
        await member.commit({place: 9})
    async with bus.subscribe(world.group, [topic]) as member:
        assert by_key(await collect(member, 5)) == {"k": list(range(15, 20))}


async def test_only_assigned_partitions_can_be_committed_or_sought(world: World) -> None:
    topic, other = await world.topic(1), await world.topic(1)
    async with world.open().subscribe(world.group, [topic]) as member:
        await member.poll(1, 1)
        await until(lambda: member.assigned)
        with pytest.raises(LostAssignmentError):
            await member.commit({TopicPartition(topic, 0): 0, TopicPartition(other, 0): 1})
        with pytest.raises(LostAssignmentError):
            await member.seek(TopicPartition(other, 0), 0)


async def test_pause_resume_and_seek(world: World) -> None:
    topic, bus = await world.topic(2), world.open()
    keys = {(await send(bus, [Outgoing(topic, key, b"0")]))[0].partition: key for key in "abcdefgh"}
    assert set(keys) == {0, 1}
    left, right = TopicPartition(topic, 0), TopicPartition(topic, 1)
    async with bus.subscribe(world.group, [topic]) as member:
        await collect(member, 8)
        member.pause([left])
        assert member.assigned == {left, right}
        await send(bus, [*numbered(topic, keys[0], 1, 10), *numbered(topic, keys[1], 1, 10)])
        assert by_key(await collect(member, 10)) == {keys[1]: list(range(1, 11))}
        await nothing_more(member)
        member.resume([left])
        assert by_key(await collect(member, 10, limit=3)) == {keys[0]: list(range(1, 11))}
        ends = following(await bus.read(topic))
        await member.seek(left, ends[left] - 4)
        assert by_key(await collect(member, 4)) == {keys[0]: [7, 8, 9, 10]}
        await send(bus, numbered(topic, keys[1], 11, 5))
        await member.seek(right, ends[right] + 3)
        assert by_key(await collect(member, 2)) == {keys[1]: [14, 15]}


async def test_a_pause_drops_nothing_that_was_already_fetched(world: World) -> None:
    topic, bus = await world.topic(1), world.open()
    await send(bus, numbered(topic, "k", 0, 200))
    place = TopicPartition(topic, 0)
    async with bus.subscribe(world.group, [topic]) as member:
        records = await collect(member, 5, limit=5)
        for _ in range(5):
            member.pause([place])
            assert not await member.poll(5, 0.2)
            member.resume([place])
            records += await collect(member, 5, limit=5)
        records += await collect(member, 200 - len(records))
    assert by_key(records) == {"k": list(range(200))}


async def test_a_poll_or_publish_given_up_midway_loses_nothing(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    records = [Outgoing(topic, f"key {n % 5}", str(n).encode()) for n in range(300)]
    for delay in (0, 0.0005, 0.001, 0.002, 0.004):
        giving_up = asyncio.create_task(bus.publish(records[:50]))
        await asyncio.sleep(delay)
        giving_up.cancel()
        await asyncio.wait([giving_up])
    await send(bus, records)
    log = await bus.read(topic)
    for key in {record.key for record in records}:
        assert [int(r.value) for r in log if r.key == key][-60:] == [int(r.value) for r in records if r.key == key], (
            "a batch published later stands after what was given up"
        )
    got = []
    async with bus.subscribe(world.group, [topic]) as member:
        for turn in range(200):
            polling = asyncio.create_task(member.poll(3, 5))
            await asyncio.sleep(0.0005 * (turn % 8))
            polling.cancel()
            await asyncio.wait([polling])
            if not polling.cancelled():
                got += [record for found in polling.result().values() for record in found]
        got += await collect(member, len(log) - len(got))
        await nothing_more(member)
    assert sorted((r.partition, r.offset) for r in got) == [(r.partition, r.offset) for r in log]


async def test_lag_counts_what_a_group_still_has_to_read(world: World) -> None:
    topic, quiet, bus = await world.topic(2), await world.topic(1), world.open()
    assert await bus.lag("nobody") == {}
    sent = await send(bus, [Outgoing(topic, f"key {n}", b"") for n in range(40)])
    ends = {p: sum(outcome.partition == p for outcome in sent) for p in (0, 1)}
    all_of_it = {TopicPartition(topic, p): end for p, end in ends.items()} | {TopicPartition(quiet, 0): 0}
    async with bus.subscribe(world.group, [topic, quiet]) as member:
        records = await collect(member, 40)
        assert await bus.lag(world.group) == all_of_it, "never committed: counted from the start"
        await member.commit({TopicPartition(topic, 0): 3})
        assert await bus.lag(world.group) == all_of_it | {TopicPartition(topic, 0): ends[0] - 3}
        await member.commit(following(records))
    await send(bus, [Outgoing(topic, "one more", b"")])
    assert sum((await bus.lag(world.group)).values()) == 1, "also when no member is there"


async def test_topics_are_created_once_and_compared(world: World) -> None:
    bus, name = world.open(), f"{await world.topic()}.more"
    topics = [
        Topic(name, 2),
        Topic(f"{name}.kept", 1, retention=None, compacted=True),
        Topic(f"{name}.short", 3, retention=timedelta(hours=3)),
    ]
    assert sorted((await bus.check_topics(topics)).missing) == sorted(topic.name for topic in topics)
    made = await asyncio.gather(*(world.open().create_topics(topics) for _ in range(3)))
    assert sorted(name for names in made for name in names) == sorted(topic.name for topic in topics)
    assert await bus.create_topics(topics) == []
    difference = await bus.check_topics(topics)
    assert (difference.missing, difference.wrong) == ([], [])
    other = [
        Topic(name, 4),
        Topic(f"{name}.kept", 1),
        Topic(f"{name}.short", 3, retention=timedelta(hours=4)),
        Topic(f"{name}.gone"),
    ]
    assert await bus.create_topics(other[:3]) == [], "existing ones are left as they are"
    difference = await bus.check_topics(other)
    assert difference.missing == [f"{name}.gone"]
    for topic in other[:3]:
        assert any(sentence.startswith(f"{topic.name}: ") for sentence in difference.wrong)
    assert await bus.check_topics(topics) == type(difference)()


async def test_a_topic_made_after_its_reader_came_is_read(world: World) -> None:
    topic, bus = await world.topic(), world.open()
    late = f"{topic}.late"
    async with bus.subscribe(world.group, [topic, late]) as member:
        await send(bus, [Outgoing(topic, "k", b"0")])
        await collect(member, 1)
        await bus.create_topics([Topic(late, 2)])
        await send(bus, [Outgoing(late, "k", b"1")])
        while not (records := [r for r in await collect(member, 1) if r.topic == late]):
            pass
    assert [r.value for r in records] == [b"1"]


async def test_a_bus_knows_which_log_it_is(world: World) -> None:
    identity = await world.open().identity()
    assert identity.startswith({"kafka": "kafka:", "embedded": "postgres:"}[world.kind])
    assert identity == await world.open().identity()
