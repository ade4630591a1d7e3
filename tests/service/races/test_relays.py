"""Two relays after a split: one publishes at a time, and one that was cut off or frozen takes nothing with it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from libs.events.bus import Bus, Outcome, Outgoing, Topic
from libs.events.open_bus import open_bus
from libs.events.relay import Relay
from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import until
from tests.databases import Databases
from tests.service.events.kernel import TOPIC, Counter, count, opened, prepare
from tests.service.races.stage import rows, value
from tests.service.races.wire import wired

CAUSE = Cause("system:test")


class Gate:
    """A bus whose publisher stops just before the first byte leaves, until the gate is opened."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        self.reached.set()
        await self.open.wait()
        return await self._bus.publish(batch)


class Split:
    """A database with facts to publish, a log, and relays that work until the end."""

    def __init__(self, url: str, bus_url: str, bus: Bus, uow: UnitOfWork, counter: Counter) -> None:
        self.url, self.bus_url, self.bus, self.uow, self.counter = url, bus_url, bus, uow, counter
        self.stop, self.tasks, self.gates = asyncio.Event(), list[asyncio.Task[None]](), list[Gate]()
        self.emitted = 0

    def at_the_gate(self) -> Gate:
        """The bus behind a gate, which is opened at the end at the latest."""
        gate = Gate(self.bus)
        self.gates.append(gate)
        return gate

    def work(self, bus: Bus | Gate, url: str = "") -> None:
        """One more relay."""
        relay = Relay(url or self.url, "counters", cast("Bus", bus), every=0.2)
        self.tasks.append(asyncio.create_task(relay.run(self.stop)))

    async def emit(self, facts: int) -> None:
        for _ in range(facts):
            async with self.uow(CAUSE) as tx:
                await count(tx, self.counter)
        self.emitted += facts

    async def log(self) -> list[int]:
        return [json.loads(record.value)["value"] for record in await self.bus.read(TOPIC.name)]

    async def all_sent(self) -> None:
        await until(lambda: value(self.url, "SELECT NOT EXISTS (SELECT FROM outbox)"), why="all is sent")

    async def exact(self) -> None:
        """Every fact was moved once, its place has no hole, and the log has them in order, repeats left out."""
        sent = await rows(self.url, "SELECT position, ce_sequence FROM outbox_sent ORDER BY position")
        assert [tuple(row.values()) for row in sent] == [(n, n) for n in range(1, self.emitted + 1)]
        assert list(dict.fromkeys(await self.log())) == list(range(1, self.emitted + 1))


@pytest.fixture
async def split(database: Databases) -> AsyncIterator[Split]:
    url, bus_url = await database("kernel", prepare), await database("log")
    bus, uow = open_bus(bus_url), UnitOfWork.open(url, "counters")
    await bus.create_topics([Topic(TOPIC.name, partitions=1)])
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    found = Split(url, bus_url, bus, uow, counter)
    yield found
    found.stop.set()
    for gate in found.gates:
        gate.open.set()
    await asyncio.gather(*found.tasks)
    await bus.close()
    await uow.close()


async def test_of_two_live_relays_one_publishes_however_long_it_takes(split: Split) -> None:
    """The one that works is kept at the gate for longer than its standby needs to ask for the lock.

    Guard: `pg_try_advisory_lock` of `Relay._lock`. Without it the standby publishes the same facts.
    """
    gate = split.at_the_gate()
    await split.emit(5)
    split.work(gate)
    await gate.reached.wait()
    split.work(split.bus)
    for _ in range(3):
        await _asks(split.url)
    await split.emit(5)
    assert await split.log() == []
    gate.open.set()
    await split.all_sent()
    assert await split.log() == list(range(1, 11)), "each once"
    await split.exact()


_STANDBY = """SELECT query_start FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'comanda-counters-relay' AND query LIKE '%pg_try_advisory_lock%' ORDER BY 1"""


async def _asks(url: str) -> None:
    """The standby asks for the lock, once more."""
    before = await rows(url, _STANDBY)

    async def again() -> bool:
        return await rows(url, _STANDBY) not in ([], before)

    await until(again)


async def test_a_relay_whose_connection_went_silent_is_replaced_and_does_no_harm(split: Split) -> None:
    """Its wire to the database goes silent while it publishes; it goes on when another one has published everything.

    Guard: `idle_session_timeout` of `Relay._connected`, by which the server ends the session and frees the lock; and
    that rows are moved on that session alone. Without the first nobody ever takes over.
    """
    async with wired(split.url) as wire:
        gate = split.at_the_gate()
        await split.emit(5)
        split.work(gate, wire.url)
        await gate.reached.wait()
        wire.fall_silent()
        split.work(split.bus)
        await split.emit(5)
        await split.all_sent()
        assert await split.log() == list(range(1, 11))
        gate.open.set()
        await until(lambda: _repeated(split, 15))
        wire.cut()
        await split.emit(5)
        await split.all_sent()
        assert await split.log() == [*range(1, 11), *range(1, 6), *range(11, 16)]
        await split.exact()


async def _repeated(split: Split, records: int) -> bool:
    return len(await split.log()) == records


async def test_a_relay_frozen_before_its_first_byte_is_replaced_and_does_no_harm(split: Split) -> None:
    """A process stops itself (SIGSTOP) with a batch in hand, and goes on when another one has published it.

    Guard: `idle_session_timeout` of `Relay._connected`, as above.
    """
    await split.emit(5)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.service.races.frozen_relay", split.url, split.bus_url),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 60) == b"freezing\n"
        split.work(split.bus)
        await split.emit(5)
        await split.all_sent()
        os.kill(process.pid, signal.SIGCONT)
        await until(lambda: _repeated(split, 15))
        await split.emit(5)
        await split.all_sent()
        await split.exact()
    finally:
        os.kill(process.pid, signal.SIGCONT)
        process.kill()
        await process.wait()
