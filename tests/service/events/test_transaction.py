"""The promise of `uow()` and `emit()`: the effect and its facts commit together, numbered and in order."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from libs.events.connection import SESSION
from libs.events.outbox import FactTooLargeError, UnknownAggregateError
from libs.events.transaction import Cause, UnitOfWork
from tests.conftest import FROZEN, SHIPPED
from tests.service.events.kernel import Counted, Counter, count, opened, until

CAUSE = Cause(actor="user:ana")
WAITING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def outbox(uow: UnitOfWork) -> list[asyncpg.Record]:
    async with uow(CAUSE) as tx:
        rows: list[asyncpg.Record] = await tx.sql.fetch("SELECT * FROM outbox ORDER BY seq")
    return rows


async def test_an_effect_and_its_fact_commit_together(uow: UnitOfWork) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
        await count(tx, counter)
    (row,) = await outbox(uow)
    assert (row["type"], row["aggregateid"], row["aggregatetype"], row["ce_actor"]) == (
        "counter.counted",
        counter.id,
        "counter",
        "user:ana",
    )
    assert json.loads(row["payload"])["value"] == 1


async def test_a_raw_statement_is_rolled_back_with_its_block(uow: UnitOfWork) -> None:
    """Trap 10: on a connection that never began, a raw insert would survive the rollback."""
    with pytest.raises(RuntimeError, match="on purpose"):
        async with uow(CAUSE) as tx:
            await count(tx, await opened(tx))
            raise RuntimeError("on purpose")
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM counter") == 0
    assert await outbox(uow) == []


async def test_the_session_and_the_raw_connection_are_one_transaction(uow: UnitOfWork) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        async with uow(CAUSE) as tx:
            await tx.session.execute(text("INSERT INTO counter (id) VALUES (:id)"), {"id": uuid4()})
            assert await tx.sql.fetchval("SELECT count(*) FROM counter") == 1
            raise RuntimeError("on purpose")
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM counter") == 0
        await tx.session.execute(text("INSERT INTO counter (id) VALUES (:id)"), {"id": uuid4()})
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT count(*) FROM counter") == 1


async def test_a_commit_that_fails_is_heard(uow: UnitOfWork, url: str) -> None:
    """Trap 1: nobody may be told yes before the commit; a deferred check that fails at COMMIT raises from the block."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE strict (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO strict VALUES (1)"
    )
    await connection.close()
    woken: list[bool] = []
    with pytest.raises(asyncpg.UniqueViolationError):
        async with uow(CAUSE) as tx:
            tx.after_commit(lambda: woken.append(True))
            await tx.sql.execute("INSERT INTO strict VALUES (1)")
    assert woken == []


async def test_a_connection_is_clean_after_an_error(uow: UnitOfWork) -> None:
    for _ in range(40):  # more often than the pool has connections
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with uow(CAUSE) as tx:
                await tx.sql.execute("SELECT 1 / 0")
    async with uow(CAUSE) as tx:
        assert await tx.sql.fetchval("SELECT 1") == 1


async def test_facts_of_one_aggregate_are_numbered_without_gap_under_concurrency(uow: UnitOfWork) -> None:
    async with uow(CAUSE) as tx:
        counters = [await opened(tx) for _ in range(3)]

    async def work(n: int) -> None:
        try:
            async with uow(CAUSE) as tx:
                await count(tx, counters[n % 3])
                if n % 4 == 0:
                    raise LookupError
        except LookupError:
            pass

    await asyncio.gather(*(work(n) for n in range(120)))
    rows = await outbox(uow)
    for counter in counters:
        mine = [row for row in rows if row["aggregateid"] == counter.id]
        assert [row["ce_sequence"] for row in mine] == list(range(1, 31))
        assert [json.loads(row["payload"])["value"] for row in mine] == list(range(1, 31)), "seq follows commit order"


async def test_a_place_in_the_outbox_is_drawn_after_the_lock(uow: UnitOfWork) -> None:
    """Trap 13: whoever waits for the aggregate's lock must not have drawn `seq` before it has it."""
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    late = Counted(counter=counter.id, value=2)
    async with uow(CAUSE) as first:
        await first.sql.execute("SELECT 1 FROM counter WHERE id = $1 FOR UPDATE", counter.id)

        async def second() -> None:
            async with uow(CAUSE) as tx:
                await tx.emit(counter, late)  # waits inside its one statement

        waiting = asyncio.create_task(second())
        await until(lambda: uow.fetch(WAITING))  # of its own: a transaction sees the activity of one moment
        await first.emit(counter, Counted(counter=counter.id, value=1))
    await waiting
    assert [json.loads(row["payload"])["value"] for row in await outbox(uow)] == [1, 2]


async def test_many_facts_of_many_aggregates_keep_their_order_and_numbers(uow: UnitOfWork) -> None:
    async with uow(CAUSE) as tx:
        one, two = await opened(tx), await opened(tx)
        order = [(one, 1), (two, 1), (one, 2), (one, 3), (two, 2)]
        await tx.emit_all([(counter, Counted(counter=counter.id, value=value)) for counter, value in order])
    rows = await outbox(uow)
    assert [(row["aggregateid"], row["ce_sequence"]) for row in rows] == [
        (counter.id, value) for counter, value in order
    ]


async def test_a_fact_of_nobody_or_too_large_is_refused_and_nothing_is_written(uow: UnitOfWork) -> None:
    with pytest.raises(UnknownAggregateError):
        async with uow(CAUSE) as tx:
            nobody = Counter(uuid4())
            await tx.emit(nobody, Counted(counter=nobody.id, value=1))
    with pytest.raises(FactTooLargeError):
        async with uow(CAUSE) as tx:
            await count(tx, await opened(tx), note="é" * 450_001)
    assert await outbox(uow) == []


async def test_a_frozen_transaction_keeps_no_lock(uow: UnitOfWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """It idles for longer than it may; others take its lock, and it ends with an error."""
    assert SHIPPED[FROZEN] == "5s"
    monkeypatch.setitem(SESSION, FROZEN, "200ms")
    frozen = UnitOfWork.open(uow.engine.url.render_as_string(hide_password=False), "counters")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        async with frozen(CAUSE) as tx:
            await tx.sql.execute("SELECT pg_advisory_xact_lock(7)")
            async with uow(CAUSE) as other:
                await other.sql.execute("SELECT pg_advisory_xact_lock(7)")
            await tx.sql.execute("SELECT 1")
    await frozen.close()


async def test_connections_that_the_server_closed_are_replaced_before_anything_is_asked(uow: UnitOfWork) -> None:
    """As after a restart of PostgreSQL: nobody has to fail once for each connection of the pool."""
    await asyncio.gather(*(_slow(uow) for _ in range(4)))
    async with uow(CAUSE) as tx:
        ended = await tx.sql.fetch(
            """SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
    await until(lambda: _gone([row["pid"] for row in ended]))
    await asyncio.sleep(0.02)  # a round of the loop, in which the news arrive: all of them are there
    await asyncio.gather(*(_slow(uow) for _ in range(4)))


async def _gone(processes: list[int]) -> bool:
    """Whether these processes of the server have ended, and their sockets with them."""
    return not any(_lives(process) for process in processes)


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


async def _slow(uow: UnitOfWork) -> None:
    async with uow(CAUSE) as tx:
        await tx.sql.execute("SELECT pg_sleep(0.05)")


async def test_a_look_reads_and_emits_nothing(uow: UnitOfWork) -> None:
    async with uow(CAUSE) as tx:
        counter = await opened(tx)
    with pytest.raises(RuntimeError, match="emits nothing"):
        async with uow.look(CAUSE) as tx:
            assert await tx.sql.fetchval("SELECT count(*) FROM counter") == 1
            assert not tx.sql.is_in_transaction()
            await count(tx, counter)
    assert await outbox(uow) == []
