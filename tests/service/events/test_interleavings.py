"""Any interleaving of emits, crashes and restarts of relay and consumer gives every effect once, in order.

Stateful, on real Postgres: hypothesis chooses what happens next and where each part dies. A relay dies between
publishing and recording; a consumer dies inside its transaction, or between its commit and the commit of its offsets.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from libs.events.bus import Record, Subscription
from libs.events.consumer import Consumer
from libs.events.open_bus import open_bus
from libs.events.relay import _UNSENT, LOCK, Relay
from libs.events.transaction import Cause, Transaction, UnitOfWork
from tests.databases import Databases
from tests.service.events.kernel import TOPIC, Counted, Counter, count, note_effect, opened, prepare

CAUSE = Cause(actor="user:ana")
COUNTERS = 3


class DeadError(Exception):
    """The process died here."""


def consumer_that_dies(after: int) -> Consumer:
    """The effects' consumer; dies inside its transaction at the fact after so many."""
    consumer, left = Consumer("effects"), [after]

    @consumer.on(Counted)
    async def effect(tx: Transaction, event: Counted) -> None:
        await note_effect(tx, event)
        if left[0] == 0:
            raise DeadError
        left[0] -= 1

    return consumer


class World:
    """The database, the log and one member of the group."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.stack = AsyncExitStack()
        self.member: AsyncExitStack | None = None
        self.subscription: Subscription | None = None

    async def open(self) -> None:
        """Fresh databases."""
        self.url = await self.databases("kernel", prepare)
        self.uow = UnitOfWork.open(self.url, "counters", pool_size=4)
        self.bus = open_bus(await self.databases("log"))
        await self.bus.create_topics([TOPIC])
        async with self.uow(CAUSE) as tx:
            self.counters = [await opened(tx) for _ in range(COUNTERS)]

    async def emit(self, counter: Counter, facts: int, *, commit: bool) -> None:
        """A transaction with some facts."""
        try:
            async with self.uow(CAUSE) as tx:
                for _ in range(facts):
                    await count(tx, counter)
                if not commit:
                    raise DeadError
        except DeadError:
            pass

    async def relay(self, *, dies: bool, rows: int) -> None:
        """Publish what waits; or publish some of it and die before it is recorded."""
        relay = Relay(self.url, "counters", self.bus)
        if not dies:
            await relay.drain()
            return
        connection = await relay._connected()
        await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK)
        await relay._publish(await connection.fetch(_UNSENT, [], rows))
        connection.terminate()

    async def consume(self, *, dies_at: int | None, offsets: bool) -> None:
        """Read once, and take what came."""
        if self.subscription is None:
            self.member = AsyncExitStack()
            self.subscription = await self.member.enter_async_context(self.bus.subscribe("effects", [TOPIC.name]))
        polled = await self.subscription.poll(50, 0.05)
        consumer = consumer_that_dies(10**9 if dies_at is None else dies_at)
        for place, records in polled.items():
            try:
                await self._take(consumer, list(records))
            except DeadError:
                await self.restart()
                return
            if offsets:
                await self.subscription.commit({place: records[-1].offset + 1})
        if not offsets:
            await self.restart()

    async def _take(self, consumer: Consumer, records: list[Record]) -> None:
        await consumer.deliver(self.uow, *records)

    async def restart(self) -> None:
        """The member is gone, with whatever it had in hand."""
        if self.member is not None:
            await self.member.aclose()
        self.member = self.subscription = None

    async def finish(self) -> None:
        """Let everything settle, and look."""
        try:
            await self.relay(dies=False, rows=0)
            await self.restart()
            for _ in range(3):
                await self.consume(dies_at=None, offsets=True)
            async with self.uow(CAUSE) as tx:
                for counter in self.counters:
                    wanted = await tx.sql.fetchval("SELECT value FROM counter WHERE id = $1", counter.id)
                    seen = await tx.sql.fetch("SELECT value FROM effect WHERE counter = $1 ORDER BY n", counter.id)
                    assert [row["value"] for row in seen] == list(range(1, wanted + 1))
                assert await tx.sql.fetchval("SELECT count(*) FROM outbox") == 0
        finally:
            await self.restart()
            await self.bus.close()
            await self.uow.close()
            await self.databases.drop_all()


def machine(admin: str) -> type[RuleBasedStateMachine]:
    """The state machine over databases of this server."""

    class Interleavings(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.loop = asyncio.new_event_loop()
            self.world = World(Databases(admin))

        def do(self, work: Any) -> None:
            self.loop.run_until_complete(work)

        @initialize()
        def start(self) -> None:
            self.do(self.world.open())

        @rule(counter=st.integers(0, COUNTERS - 1), facts=st.integers(1, 4), commit=st.booleans())
        def emit(self, counter: int, facts: int, commit: bool) -> None:
            self.do(self.world.emit(self.world.counters[counter], facts, commit=commit))

        @rule(dies=st.booleans(), rows=st.integers(1, 6))
        def relay(self, dies: bool, rows: int) -> None:
            self.do(self.world.relay(dies=dies, rows=rows))

        @rule(dies_at=st.none() | st.integers(0, 5), offsets=st.booleans())
        def consume(self, dies_at: int | None, offsets: bool) -> None:
            self.do(self.world.consume(dies_at=dies_at, offsets=offsets))

        @rule()
        def restart(self) -> None:
            self.do(self.world.restart())

        def teardown(self) -> None:
            try:
                self.do(self.world.finish())
            finally:
                self.loop.close()

    return Interleavings


def test_part_b1_any_interleaving_gives_every_effect_once(postgres: str) -> None:
    run_state_machine_as_test(
        machine(postgres),
        settings=settings(
            max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
