"""What every bus does while its server is away, and after it has come back."""

import asyncio
import time
from contextlib import suppress

import pytest

from libs.events.bus import Bus, BusUnavailableError, Failed, LostAssignmentError, Outgoing, Sent, Topic
from tests.contract.bus_world import World, by_key, collect, firsts, following, numbered, polled, send, until

KEYS = [f"key {n}" for n in range(6)]


async def publish_as_a_relay_does(bus: Bus, topic: str, count: int, failed: asyncio.Event) -> None:
    """Publish so many of each key in small batches; what is not sent comes again, in order. Says that it failed."""
    waiting = [record for n in range(count) for key in KEYS for record in numbered(topic, key, n, 1)]
    while waiting:
        batch = waiting[:12]
        outcomes = await bus.publish(batch)
        blocked: set[str] = set()
        for record, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Sent):
                assert record.key not in blocked, "nothing may overtake a failed record of its key"
            else:
                blocked.add(record.key)
        if blocked:
            failed.set()
        kept = [record for record, done in zip(batch, outcomes, strict=True) if not isinstance(done, Sent)]
        waiting = kept + waiting[12:]
        await asyncio.sleep(0.2 if blocked else 0.03)


async def read_all(world: World, topic: str, count: int) -> dict[str, list[int]]:
    """Read and commit as a worker does, through whatever happens, until all of it has been seen."""
    bus, seen = world.open(), dict[str, list[int]]()
    while not all(len(set(seen.get(key, ()))) == count for key in KEYS):
        try:
            async with bus.subscribe(world.group, [topic]) as member:
                while not all(len(set(seen.get(key, ()))) == count for key in KEYS):
                    for place, records in (await member.poll(50, 0.5)).items():
                        for key, numbers in by_key(records).items():
                            seen.setdefault(key, []).extend(numbers)
                        with suppress(LostAssignmentError):
                            await member.commit({place: records[-1].offset + 1})
        except BusUnavailableError:
            await asyncio.sleep(0.2)
    return seen


async def test_a_server_killed_at_work_loses_nothing_and_keeps_each_keys_order(fragile: World) -> None:
    topic, count, failed = await fragile.topic(4), 200, asyncio.Event()
    async with asyncio.timeout(200), asyncio.TaskGroup() as tasks:
        tasks.create_task(publish_as_a_relay_does(fragile.open(), topic, count, failed))
        reading = tasks.create_task(read_all(fragile, topic, count))
        await asyncio.sleep(0.5)
        fragile.stop_server()
        await failed.wait()  # the server is away while records are sent
        for _ in range(2):
            await asyncio.to_thread(fragile.start_server)
            await asyncio.sleep(1)
            fragile.stop_server()
            await asyncio.sleep(1)
        await asyncio.to_thread(fragile.start_server)
    seen = reading.result()
    assert {key: firsts(numbers) for key, numbers in seen.items()} == {key: list(range(count)) for key in KEYS}


async def test_while_the_server_is_away_publishing_fails_and_afterwards_it_works_again(fragile: World) -> None:
    topic, bus = await fragile.topic(2), fragile.open()
    await send(bus, numbered(topic, "k", 0, 3))
    fragile.stop_server()
    for first in (3, 6):
        started = time.monotonic()
        outcomes = await bus.publish(numbered(topic, "k", first, 3))
        assert [type(outcome) for outcome in outcomes] == [Failed] * 3
        assert time.monotonic() - started < 30
    fragile.start_server()
    await _sends_again(bus, topic)
    numbers = firsts([int(record.value) for record in await bus.read(topic)])
    assert numbers[:3] == [0, 1, 2]
    assert numbers[-1] == 99
    assert numbers == sorted(numbers), "what failed may be there or not; what came later stands behind it"


async def _sends_again(bus: Bus, topic: str) -> None:
    async with asyncio.timeout(60):
        while not isinstance((await bus.publish(numbered(topic, "k", 99, 1)))[0], Sent):
            await asyncio.sleep(0.2)


async def test_a_member_outlives_its_server_and_asks_for_it_with_patience(
    fragile: World, caplog: pytest.LogCaptureFixture
) -> None:
    topic, bus = await fragile.topic(2), fragile.open()
    await send(bus, [Outgoing(topic, key, b"0") for key in KEYS])
    async with fragile.open().subscribe(fragile.group, [topic]) as member:
        records = await collect(member, len(KEYS))
        await member.commit(following(records))
        fragile.stop_server()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # it says so or gives nothing; it neither hangs nor invents
            started = time.monotonic()
            try:
                assert not any((await member.poll(10, 0.3)).values())
            except BusUnavailableError:
                await asyncio.sleep(0.1)
            assert time.monotonic() - started < 20
        assert len(caplog.records) < 200, "a log line for each attempt, and no pause between them, would fill a disk"
        fragile.start_server()
        await _sends_again(bus, topic)
        taken: list[int] = []
        async with asyncio.timeout(60):
            while 99 not in taken:
                try:
                    taken += [int(r.value) for found in (await member.poll(10, 0.5)).values() for r in found]
                except BusUnavailableError:
                    await asyncio.sleep(0.1)
        assert 0 not in taken, "it resumes at the committed offset"


async def test_whatever_else_is_asked_says_that_the_log_is_away(fragile: World) -> None:
    topic, bus = await fragile.topic(1), fragile.open()
    async with bus.subscribe(fragile.group, [topic]) as member, polled(member):
        await until(lambda: member.assigned)
    identity = await bus.identity()
    fragile.stop_server()
    with pytest.raises(BusUnavailableError):
        await bus.identity()
    with pytest.raises(BusUnavailableError):
        await bus.lag(fragile.group)
    with pytest.raises(BusUnavailableError):
        await bus.create_topics([Topic(topic)])
    with pytest.raises(BusUnavailableError):
        await bus.check_topics([Topic(topic)])
    with pytest.raises(BusUnavailableError):
        await bus.read(topic)
    with pytest.raises(BusUnavailableError):
        async with bus.subscribe(fragile.group, [topic]):
            pass
    fragile.start_server()
    assert await _identity(bus) == identity, "it is the same log"


async def _identity(bus: Bus) -> str:
    async with asyncio.timeout(60):
        while True:
            try:
                return await bus.identity()
            except BusUnavailableError:
                await asyncio.sleep(0.2)
