"""Calls to other systems happen once, outside transactions, and what is unknown is found out."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from libs.service import outside
from libs.service.due import kept_cause, story_of
from libs.service.loops import run_loops
from libs.service.outside import Absent, Answer, CallState, Failed, OutsideCalls, Refused, Row, Succeeded, Unknown, Wait
from libs.service.testing import until
from tests.service.kit.sample.service import Errand

SOON = timedelta(milliseconds=20)
CAUSE = Cause("system:test")


@dataclass
class Outside:
    """The other side: answers as told, and keeps a book of what it was really asked."""

    answers: list[Answer | BaseException] = field(default_factory=list)
    looks: list[Answer | BaseException] = field(default_factory=list)
    called: Counter[UUID] = field(default_factory=Counter)
    looked: Counter[UUID] = field(default_factory=Counter)
    recorded: list[tuple[UUID, Answer]] = field(default_factory=list)
    on_call: Callable[[Row], Any] | None = None

    async def call(self, row: Row) -> Answer:
        self.called[row["id"]] += 1
        if self.on_call is not None:
            await self.on_call(row)
        return self._next(self.answers)

    async def look_up(self, row: Row) -> Answer:
        self.looked[row["id"]] += 1
        return self._next(self.looks)

    async def record(self, tx: Transaction, row: Row, answer: Answer) -> None:
        await tx.sql.execute("UPDATE errand SET what = $2 WHERE id = $1", row["id"], f"recorded {answer}")
        self.recorded.append((row["id"], answer))

    @staticmethod
    def _next(answers: list[Answer | BaseException]) -> Answer:
        answer = answers.pop(0) if answers else Succeeded()
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
async def uow(sample_url: str) -> AsyncIterator[UnitOfWork]:
    opened = UnitOfWork.open(sample_url, "sample")
    yield opened
    await opened.close()


@pytest.fixture
def other_side() -> Outside:
    return Outside()


def calls_of(uow: UnitOfWork, other_side: Outside, **options: Any) -> OutsideCalls:
    given: dict[str, Any] = {"look_up_after": SOON, "grace": SOON, "lease": timedelta(seconds=60)} | options
    return OutsideCalls(uow, Errand, other_side.call, other_side.record, other_side.look_up, noun="errand", **given)


async def given_errands(uow: UnitOfWork, number: int = 1) -> list[UUID]:
    async with uow(CAUSE) as tx:
        errands = [Errand(what="fetch") for _ in range(number)]
        tx.session.add_all(errands)
    return [errand.id for errand in errands]


async def row_of(uow: UnitOfWork, errand: UUID) -> Row:
    async with uow(CAUSE) as tx:
        row = await tx.sql.fetchrow("SELECT *, due_at > now() AS later FROM errand WHERE id = $1", errand)
    assert row is not None
    return dict(row)


async def overslept(uow: UnitOfWork, errand: UUID) -> None:
    """Whoever has claimed it did not come back within its lease."""
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE errand SET claimed_until = now() - interval '1 second' WHERE id = $1", errand)


async def told(uow: UnitOfWork) -> list[str]:
    async with uow(CAUSE) as tx:
        return [row["type"] for row in await tx.sql.fetch("SELECT type FROM outbox ORDER BY seq")]


async def swept(uow: UnitOfWork, calls: OutsideCalls, errand: UUID, *states: CallState) -> Row:
    async def settled() -> Row | None:
        await calls.sweep_round()
        row = await row_of(uow, errand)
        return row if row["call_state"] in states else None

    assert await until(settled)
    return await row_of(uow, errand)


async def test_what_is_due_is_called_once_and_recorded(uow: UnitOfWork, other_side: Outside) -> None:
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    assert await calls.due_round() == 1
    assert await calls.due_round() == 0
    row = await row_of(uow, errand)
    assert (row["call_state"], row["claim"], row["what"]) == ("succeeded", None, "recorded Succeeded(data=None)")
    assert other_side.called == {errand: 1}
    assert await told(uow) == []


async def test_b15_what_an_answer_leads_to_is_told_under_the_cause_that_made_the_call_due(
    uow: UnitOfWork, other_side: Outside
) -> None:
    """Also what is told of a call that stands still; a row of an older release keeps no cause, and tells it anew."""
    made = Cause("user:ana", new_id(), new_id(), 3)
    errand, older = Errand(what="fetch", call_cause=kept_cause(made)), Errand(what="fetch")
    async with uow(CAUSE) as tx:
        tx.session.add_all([errand, older])
    other_side.answers = [Refused("no such street"), Refused("no such street")]
    under: dict[UUID, Cause] = {}

    async def record(tx: Transaction, row: Row, answer: Answer) -> None:
        under[row["id"]] = tx.cause

    calls = OutsideCalls(uow, Errand, other_side.call, record, other_side.look_up)
    assert await calls.due_round() == 2
    assert under[errand.id] == made
    assert (under[older.id].actor, under[older.id].causation_id, under[older.id].depth) == ("system:sample", None, 0)
    async with uow(CAUSE) as tx:
        told = await tx.sql.fetch("SELECT aggregateid, ce_causationid FROM outbox WHERE type = 'work.stuck'")
        assert dict(told) == {errand.id: made.causation_id, older.id: None}
        about = (await story_of(tx, "errand", "id", errand.id)).correlation_id
        assert (about, await story_of(tx, "errand", "id", older.id)) == (made.correlation_id, CAUSE)


async def test_what_is_due_later_waits(uow: UnitOfWork, other_side: Outside) -> None:
    (errand,) = await given_errands(uow)
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE errand SET due_at = now() + interval '1 hour'")
    assert await calls_of(uow, other_side).due_round() == 0
    assert not other_side.called[errand]


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), Unknown("HTTP 502")])
async def test_an_unknown_outcome_is_looked_up_and_never_repeated(
    uow: UnitOfWork, other_side: Outside, lost: Answer | Exception
) -> None:
    other_side.answers = [lost]
    other_side.looks = [Unknown("HTTP 503"), Succeeded("found it")]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    await calls.due_round()
    row = await row_of(uow, errand)
    assert row["call_state"] == "unknown"
    assert row["call_since"] is not None
    assert await told(uow) == ["work.stuck"]
    assert await calls.due_round() == 0
    await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert other_side.called == {errand: 1}
    assert other_side.looked == {errand: 2}
    assert other_side.recorded[-1] == (errand, Succeeded("found it"))
    assert await told(uow) == ["work.stuck", "work.cleared"]


async def test_a_call_that_takes_longer_than_its_lease_is_unknown(uow: UnitOfWork, other_side: Outside) -> None:
    async def for_ever(_: Row) -> None:
        await asyncio.Event().wait()

    other_side.on_call = for_ever
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side, lease=timedelta(milliseconds=200))

    async def called() -> bool:
        await calls.due_round()  # one that comes too late for its lease does not call, and gives it back
        return bool(other_side.called)

    await until(called)
    assert (await row_of(uow, errand))["call_state"] == "unknown"


async def test_a_connection_never_made_only_waits(uow: UnitOfWork, other_side: Outside) -> None:
    other_side.answers = [httpx.ConnectError("refused")]
    (errand,) = await given_errands(uow)
    async with uow(CAUSE) as tx:
        before = await tx.sql.fetchval("SELECT now()")
    await calls_of(uow, other_side).due_round()
    row = await row_of(uow, errand)
    assert (row["call_state"], row["due_at"] > before, row["last_error"]) == ("due", True, "ConnectError")
    assert await told(uow) == []


async def test_two_absent_look_ups_a_grace_apart_close_it_as_failed(uow: UnitOfWork, other_side: Outside) -> None:
    other_side.answers = [httpx.ReadTimeout("slow")]
    other_side.looks = [Absent(), Absent()]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side, grace=timedelta(hours=1))
    await calls.due_round()
    await until(calls.sweep_round)
    row = await row_of(uow, errand)
    assert (row["call_state"], row["absent"], row["later"]) == ("unknown", 1, True)
    assert await calls.sweep_round() == 0  # not before the grace is over
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE errand SET due_at = now() - interval '1 second'")
    await calls.sweep_round()
    row = await row_of(uow, errand)
    assert (row["call_state"], row["absent"]) == ("failed", 2)
    assert other_side.recorded[-1][1] == Failed("found in neither of two look-ups")
    assert other_side.called == {errand: 1}
    assert await told(uow) == ["work.stuck", "work.cleared"]


async def test_too_many_requests_wait_and_repeat_the_same_row(uow: UnitOfWork, other_side: Outside) -> None:
    other_side.answers = [Wait(0.05, "429"), Wait(0.05, "401"), Succeeded()]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    await calls.due_round()
    row = await row_of(uow, errand)
    assert (row["call_state"], row["last_error"], other_side.recorded) == ("due", "429", [])

    async def done() -> bool:
        await calls.due_round()
        return bool((await row_of(uow, errand))["call_state"] == "succeeded")

    await until(done)
    assert other_side.called == {errand: 3}
    assert await told(uow) == []


async def test_our_mistake_is_an_alert_and_no_retry_until_a_person_says_so(
    uow: UnitOfWork, other_side: Outside
) -> None:
    other_side.answers = [Refused("HTTP 422: weight is missing")]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    await calls.due_round()
    row = await row_of(uow, errand)
    assert (row["call_state"], row["last_error"]) == ("refused", "HTTP 422: weight is missing")
    assert await calls.due_round() + await calls.sweep_round() == 0
    assert await told(uow) == ["work.stuck"]
    async with uow(CAUSE) as tx:
        assert await calls.again(tx, errand)
        assert not await calls.again(tx, errand)
    await calls.due_round()
    assert (await row_of(uow, errand))["call_state"] == "succeeded"
    assert await told(uow) == ["work.stuck", "work.cleared"]


async def test_their_final_no_is_recorded(uow: UnitOfWork, other_side: Outside) -> None:
    other_side.answers = [Failed("card declined")]
    (errand,) = await given_errands(uow)
    await calls_of(uow, other_side).due_round()
    assert (await row_of(uow, errand))["call_state"] == "failed"
    assert other_side.recorded == [(errand, Failed("card declined"))]
    assert await told(uow) == []


async def test_no_transaction_is_open_during_a_call_or_a_look_up(
    uow: UnitOfWork, other_side: Outside, sample_url: str
) -> None:
    seen: list[int] = []

    async def count(_: Row) -> None:
        watcher = await asyncpg.connect(sample_url)
        seen.append(
            await watcher.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state LIKE 'idle in%')"
            )
        )
        await watcher.close()

    async def counting_look_up(row: Row) -> Answer:
        await count(row)
        return Succeeded()

    other_side.on_call = count
    other_side.answers = [Unknown("?")]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    calls.look_up = counting_look_up
    await calls.due_round()
    await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert seen == [0, 0]


async def test_many_workers_at_once_never_call_one_row_twice(sample_url: str, other_side: Outside) -> None:
    async with AsyncExitStack() as stack:
        workers = []
        for _ in range(4):
            own = UnitOfWork.open(sample_url, "sample", pool_size=4)
            stack.push_async_callback(own.close)
            workers.append(calls_of(own, other_side, batch=7))
        errands = await given_errands(workers[0].uow, 120)

        async def work(calls: OutsideCalls) -> None:
            while await calls.due_round() + await calls.sweep_round():
                pass

        await asyncio.gather(*(work(calls) for calls in workers))
        await work(workers[0])
        assert other_side.called == dict.fromkeys(errands, 1)
        assert Counter(errand for errand, _ in other_side.recorded) == dict.fromkeys(errands, 1)


async def test_a_claim_whose_owner_died_becomes_unknown(uow: UnitOfWork, other_side: Outside) -> None:
    async def die(_: Row) -> None:
        raise asyncio.CancelledError

    other_side.on_call = die
    other_side.looks = [Succeeded()]
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    await calls.due_round()
    assert (await row_of(uow, errand))["call_state"] == "claimed"
    assert await calls.due_round() + await calls.sweep_round() == 0
    await overslept(uow, errand)
    assert await calls.due_round() == 0
    await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert other_side.called == {errand: 1}
    assert other_side.looked == {errand: 1}
    assert [type(answer) for _, answer in other_side.recorded] == [Unknown, Succeeded]


async def test_a_zombie_that_overslept_before_the_call_does_not_call(
    uow: UnitOfWork, other_side: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    clock = iter([0.0, *[1000.0] * 20])  # asleep between the claim and the call
    monkeypatch.setattr(outside, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    await calls.due_round()
    monkeypatch.undo()
    assert not other_side.called
    assert (await row_of(uow, errand))["call_state"] == "due"  # given back, for the claim was still its own
    await calls.due_round()
    assert other_side.called == {errand: 1}


async def test_a_look_up_whose_owner_died_counts_as_one_more_doubt(uow: UnitOfWork, other_side: Outside) -> None:
    """A mail server cannot be asked: there the look-up is the mail again, and each that may have arrived is counted."""
    other_side.answers = [Unknown("HTTP 502")]
    other_side.looks = [asyncio.CancelledError(), Succeeded("found it")]  # it dies there
    (errand,) = await given_errands(uow)
    calls = calls_of(uow, other_side)
    await calls.due_round()
    await until(calls.sweep_round)
    assert other_side.looked == {errand: 1}
    assert await calls.sweep_round() == 0
    await overslept(uow, errand)
    row = await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert other_side.looked == {errand: 2}
    assert [type(answer) for _, answer in other_side.recorded] == [Unknown, Unknown, Succeeded]
    assert row["claim"] is None


async def test_a_zombie_that_overslept_in_the_call_does_not_record(uow: UnitOfWork, other_side: Outside) -> None:
    asleep, awake = asyncio.Event(), asyncio.Event()

    async def sleep(_: Row) -> None:
        asleep.set()
        await awake.wait()

    other_side.on_call = sleep
    other_side.answers = [Failed("too late")]
    other_side.looks = [Succeeded("what really happened")]
    (errand,) = await given_errands(uow)
    zombie = asyncio.create_task(calls_of(uow, other_side).due_round())
    await asleep.wait()
    await overslept(uow, errand)
    calls = calls_of(uow, other_side)
    await swept(uow, calls, errand, CallState.SUCCEEDED)
    awake.set()
    await zombie
    assert (await row_of(uow, errand))["call_state"] == "succeeded"
    assert [answer for _, answer in other_side.recorded][1:] == [Succeeded("what really happened")]


async def test_an_outcome_that_cannot_be_recorded_is_looked_up(uow: UnitOfWork, other_side: Outside) -> None:
    calls = calls_of(uow, other_side)
    record = calls.record
    failed: list[Answer] = []

    async def fails_once(tx: Transaction, row: Row, answer: Answer) -> None:
        if not failed:
            failed.append(answer)
            raise ConnectionError("the database went away")
        await record(tx, row, answer)

    calls.record = fails_once
    (errand,) = await given_errands(uow)
    await calls.due_round()
    assert (await row_of(uow, errand))["call_state"] == "claimed"
    await overslept(uow, errand)
    await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert (other_side.called[errand], other_side.looked[errand]) == (1, 1)


async def test_the_loops_do_it_by_themselves_when_woken(uow: UnitOfWork, other_side: Outside) -> None:

    calls = calls_of(uow, other_side, every=timedelta(hours=1))
    stop = asyncio.Event()
    running = asyncio.create_task(run_loops(calls.loops(), stop))
    async with uow(CAUSE) as tx:
        tx.session.add(Errand(what="fetch"))
        tx.after_commit(calls.wake.set)
    await until(lambda: other_side.recorded)
    stop.set()
    await running


async def test_calls_to_two_others_in_one_table_are_worked_off_apart(uow: UnitOfWork, other_side: Outside) -> None:
    mine, other = await given_errands(uow, 2)
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE errand SET what = 'other' WHERE id = $1", other)
    calls = calls_of(uow, other_side, only="what <> 'other'", name="mine")
    assert [loop.name for loop in calls.loops()] == ["mine", "mine look-ups"]
    assert await calls.due_round() == 1
    async with uow(CAUSE) as tx:
        await tx.sql.execute("UPDATE errand SET call_state = 'claimed', claimed_until = now() WHERE id = $1", other)
    await calls.sweep_round()
    assert (await row_of(uow, other))["call_state"] == CallState.CLAIMED
    assert other_side.called == {mine: 1}


async def test_a_migration_that_adds_a_column_while_calls_are_under_way_costs_none_of_their_outcomes(
    uow: UnitOfWork, other_side: Outside, sample_url: str
) -> None:
    """A statement that gave back `*` would fail once on every connection, and its transaction with it."""
    calls = calls_of(uow, other_side)
    await given_errands(uow, 8)
    assert await calls.due_round() == 8
    errands = await given_errands(uow, 8)
    other_side.answers = [Unknown("late")] * 8

    async def migrated(_: Row) -> None:
        link = await asyncpg.connect(sample_url)
        await link.execute("ALTER TABLE errand ADD COLUMN IF NOT EXISTS tomorrow text")
        await link.close()

    other_side.on_call = migrated
    assert await calls.due_round() == 8
    assert {(await row_of(uow, errand))["call_state"] for errand in errands} == {"unknown"}
    for errand in errands:
        await swept(uow, calls, errand, CallState.SUCCEEDED)
    assert set(other_side.looked) == set(errands)
