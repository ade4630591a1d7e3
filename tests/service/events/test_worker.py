"""The worker's promises: each fact has its effect once; what passes is waited for, what does not is kept and said."""

import asyncio
from collections import Counter as Tally
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from libs.events import dead_letters
from libs.events.bus import Bus, Outgoing, TopicPartition
from libs.events.consumer import Consumer, RefusedFact
from libs.events.testing import record_of
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.events.worker import TRIES, Worker
from tests.service.events.kernel import TOPIC, Counted, note_effect, until

CAUSE = Cause(actor="user:ana")


def counting() -> Consumer:
    """A consumer whose effect is a row."""
    consumer = Consumer("effects")
    consumer.on(Counted)(note_effect)
    return consumer


async def publish(bus: Bus, *events: Counted) -> None:
    records = [record_of(event) for event in events]
    await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers) for record in records])


@asynccontextmanager
async def working(consumer: Consumer, uow: UnitOfWork, bus: Bus) -> AsyncIterator[None]:
    """A worker until the block ends."""
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(consumer, uow, bus, wait=0.1).run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def effects(uow: UnitOfWork) -> list[asyncpg.Record]:
    async with uow(CAUSE) as tx:
        rows: list[asyncpg.Record] = await tx.sql.fetch("SELECT fact, counter, value FROM effect ORDER BY n")
    return rows


async def letters(uow: UnitOfWork) -> list[asyncpg.Record]:
    async with uow(CAUSE) as tx:
        rows: list[asyncpg.Record] = await tx.sql.fetch("SELECT * FROM dead_letter ORDER BY at, id")
    return rows


async def stuck(uow: UnitOfWork) -> Tally[str]:
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT type || ' ' || coalesce(payload::json->>'kind', '') AS said FROM outbox")
    return Tally(row["said"].strip() for row in rows)


def facts(n: int, counter: UUID | None = None) -> list[Counted]:
    counter = counter or new_id()
    return [Counted(counter=counter, value=value) for value in range(1, n + 1)]


async def test_a_fact_delivered_twice_has_its_effect_once(uow: UnitOfWork) -> None:
    consumer, record = counting(), record_of(facts(1)[0])
    assert [await consumer.deliver(uow, record), await consumer.deliver(uow, record)] == [1, 0]
    assert await consumer.deliver(uow, record, replace(record, offset=record.offset + 1)) == 0
    another = record_of(facts(1)[0])
    assert await consumer.deliver(uow, another, another) == 1, "twice in one batch"
    assert len(await effects(uow)) == 2


async def test_two_at_once_with_one_fact_have_its_effect_once(uow: UnitOfWork) -> None:
    consumer, record = counting(), record_of(facts(1)[0])
    assert sum(await asyncio.gather(*(consumer.deliver(uow, record) for _ in range(10)))) == 1
    assert len(await effects(uow)) == 1


async def test_what_a_handler_asks_is_planned_once_a_connection_and_by_index(uow: UnitOfWork) -> None:
    """Also where the table was small when it was planned; and nobody else's statements are planned so."""
    consumer, plans = Consumer("plans"), []

    @consumer.on(Counted)
    async def explained(tx: Transaction, _: Counted) -> None:
        rows = await tx.sql.fetch("EXPLAIN SELECT c.value FROM unnest($1::uuid[]) i JOIN counter c ON c.id = i", [])
        plans.append("\n".join(row[0] for row in rows))
        plans.append(await tx.sql.fetchval("SHOW plan_cache_mode"))

    await consumer.deliver(uow, record_of(facts(1)[0]))
    plan, mode = plans
    assert "Index" in plan
    assert "Seq Scan" not in plan
    assert "Hash" not in plan
    assert mode == "force_generic_plan"
    async with uow(CAUSE) as tx:  # the same connection
        assert await tx.sql.fetchval("SHOW plan_cache_mode") == "auto"
        assert await tx.sql.fetchval("SHOW enable_hashjoin") == "on"


async def test_order_per_key_and_all_effects(uow: UnitOfWork, bus: Bus) -> None:
    keys = [new_id() for _ in range(5)]
    for n in range(30):
        await publish(bus, *(Counted(counter=key, value=n) for key in keys))
    async with working(counting(), uow, bus):
        await until(lambda: _some(uow, 150))
    found = await effects(uow)
    for key in keys:
        assert [row["value"] for row in found if row["counter"] == key] == list(range(30))


async def _some(uow: UnitOfWork, n: int) -> bool:
    return len(await effects(uow)) >= n


async def test_a_passing_error_is_waited_for_and_skips_nothing(uow: UnitOfWork, bus: Bus) -> None:
    consumer, failures = Consumer("effects"), [0]

    @consumer.on(Counted)
    async def shaky(tx: Transaction, event: Counted) -> None:
        if failures[0] < 8:  # more often than an unexpected error would be tried
            failures[0] += 1
            raise asyncpg.DeadlockDetectedError
        await note_effect(tx, event)

    await publish(bus, *facts(3))
    async with working(consumer, uow, bus):
        await until(lambda: _some(uow, 3))
    assert [row["value"] for row in await effects(uow)] == [1, 2, 3]
    assert await letters(uow) == []


async def test_a_refused_fact_is_a_dead_letter_at_once_and_said(uow: UnitOfWork, bus: Bus) -> None:
    consumer, tries = Consumer("effects"), Tally[int]()

    @consumer.on(Counted)
    async def strict(tx: Transaction, event: Counted) -> None:
        tries[event.value] += 1
        if event.value == 2:
            raise RefusedFact("no even numbers")
        await note_effect(tx, event)

    await publish(bus, *facts(3))
    async with working(consumer, uow, bus):
        await until(lambda: _some(uow, 2))
    (letter,) = await letters(uow)
    assert "no even numbers" in letter["reason"]
    assert tries[2] <= 2, "once in the batch, once alone"
    assert [row["value"] for row in await effects(uow)] == [1, 3]
    assert await stuck(uow) == {"work.stuck dead_letter": 1}
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM inbox WHERE event_id = $1", letter["event_id"]) == 1


async def test_an_unexpected_error_is_tried_five_times(uow: UnitOfWork, bus: Bus) -> None:
    consumer, tries = Consumer("effects"), [0]

    @consumer.on(Counted)
    async def broken(tx: Transaction, event: Counted) -> None:
        tries[0] += 1
        await note_effect(tx, event)
        raise KeyError(event.value)

    await publish(bus, *facts(1))
    async with working(consumer, uow, bus):
        await until(lambda: letters(uow))
    assert tries[0] == TRIES + 1, "once in the batch, five times alone"
    (letter,) = await letters(uow)
    assert (letter["attempts"], letter["reason"]) == (TRIES, "KeyError")
    assert await effects(uow) == []


async def test_bytes_that_are_no_fact_are_kept_whole(uow: UnitOfWork, bus: Bus) -> None:
    await bus.publish([Outgoing(TOPIC.name, "k", b"\x00\xff not json", (("odd", b"\x00\x01"),))])
    await bus.publish([Outgoing(TOPIC.name, "k", b"{}", record_of(facts(1)[0]).headers)])
    async with working(counting(), uow, bus):
        await until(lambda: _letters(uow, 2))
    found = sorted(await letters(uow), key=lambda row: row["offset"])
    assert bytes(found[0]["value"]) == b"\x00\xff not json"
    assert (await dead_letters.shown(uow, found[0]["id"]))["headers"] == {"odd": "\x00\x01"}
    assert "counter: missing" in found[1]["reason"]


async def _letters(uow: UnitOfWork, n: int) -> bool:
    return len(await letters(uow)) >= n


async def test_redrive_takes_the_stored_bytes_once_and_publishes_nothing(uow: UnitOfWork, bus: Bus) -> None:
    consumer = Consumer("effects")
    mended: list[bool] = []

    @consumer.on(Counted)
    async def strict(tx: Transaction, event: Counted) -> None:
        if not mended:
            raise RefusedFact("not yet")
        await note_effect(tx, event)

    await publish(bus, *facts(2))
    async with working(consumer, uow, bus):
        await until(lambda: _letters(uow, 2))
    first, second = [row["id"] for row in await letters(uow)]
    with pytest.raises(RefusedFact):
        await dead_letters.redrive(uow, consumer, first)
    mended.append(True)
    await dead_letters.redrive(uow, consumer, first)
    with pytest.raises(dead_letters.LetterClosedError):
        await dead_letters.redrive(uow, consumer, first)
    await dead_letters.drop(uow, second)
    with pytest.raises(dead_letters.UnknownLetterError):
        await dead_letters.drop(uow, new_id())
    assert len(await effects(uow)) == 1
    assert [(row["closed_as"]) for row in await letters(uow)] == ["redriven", "dropped"]
    assert await stuck(uow) == {"work.stuck dead_letter": 2, "work.cleared": 2}
    assert len(await bus.read(TOPIC.name)) == 2


async def test_twenty_letters_in_a_row_pause_the_partition_until_resumed(uow: UnitOfWork, bus: Bus) -> None:
    consumer = Consumer("effects")
    mended: list[bool] = []

    @consumer.on(Counted)
    async def strict(tx: Transaction, event: Counted) -> None:
        if not mended and event.note == "bad":
            raise RefusedFact("broken")
        await note_effect(tx, event)

    key = new_id()
    await publish(bus, *(Counted(counter=key, value=n, note="bad") for n in range(30)))
    async with working(consumer, uow, bus):
        await until(lambda: dead_letters.paused(uow, "effects"))
        elsewhere = [new_id() for _ in range(20)]  # some of them in other partitions, which go on
        await publish(bus, *(Counted(counter=other, value=1) for other in elsewhere))
        await until(lambda: effects(uow))
    assert len(await letters(uow)) == dead_letters.IN_A_ROW
    assert (await stuck(uow))["work.stuck paused"] == 1
    async with working(consumer, uow, bus):  # survives a restart
        await asyncio.sleep(1.5)  # nothing may happen: there is no condition to await
        assert len(await letters(uow)) == dead_letters.IN_A_ROW
        mended.append(True)
        (place,) = await dead_letters.paused(uow, "effects")
        assert await dead_letters.resume(uow, "effects", TopicPartition(*place)) == 1
        await until(lambda: _some(uow, 30))
    assert {row["value"] for row in await effects(uow) if row["counter"] == key} == set(range(20, 30))
    assert len(await effects(uow)) == 30
    assert (await stuck(uow))["work.cleared"] == 1


async def test_letters_with_good_facts_between_them_pause_nothing(uow: UnitOfWork, bus: Bus) -> None:
    consumer = Consumer("effects")

    @consumer.on(Counted)
    async def strict(tx: Transaction, event: Counted) -> None:
        if event.value % 10:
            raise RefusedFact("broken")
        await note_effect(tx, event)

    await publish(bus, *facts(60))
    async with working(consumer, uow, bus):
        await until(lambda: _some(uow, 6))
    assert len(await letters(uow)) == 54
    assert await dead_letters.paused(uow, "effects") == set()


async def test_a_graceful_stop_finishes_what_is_in_hand(uow: UnitOfWork, bus: Bus) -> None:
    consumer, begun, go_on = Consumer("effects"), asyncio.Event(), asyncio.Event()

    @consumer.on(Counted)
    async def slow(tx: Transaction, event: Counted) -> None:
        begun.set()
        await go_on.wait()
        await note_effect(tx, event)

    await publish(bus, *facts(1))
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(consumer, uow, bus, wait=0.1).run(stop))
    await begun.wait()
    stop.set()
    await asyncio.sleep(0.3)
    assert not task.done()
    go_on.set()
    await asyncio.wait_for(task, 30)
    assert len(await effects(uow)) == 1
    assert sum((await bus.lag("effects")).values()) == 0, "its offset is committed too"


async def test_several_members_share_the_work_once(uow: UnitOfWork, bus: Bus) -> None:
    await publish(bus, *(Counted(counter=new_id(), value=n) for n in range(60)))
    async with working(counting(), uow, bus), working(counting(), uow, bus), working(counting(), uow, bus):
        await publish(bus, *(Counted(counter=new_id(), value=n) for n in range(60)))
        await until(lambda: _some(uow, 120))
        await until(lambda: _no_lag(bus))
    assert len(await effects(uow)) == 120


async def _no_lag(bus: Bus) -> bool:
    return sum((await bus.lag("effects")).values()) == 0
