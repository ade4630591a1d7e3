"""A service on a database that was put back: what is done to its rows, and what waits for the end of the restore."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from libs.events import restored
from libs.events.open_bus import open_bus
from libs.events.transaction import Cause, UnitOfWork
from libs.service import restoring
from libs.service.loops import Loop, run_loops
from libs.service.testing import running, until
from tests.service.kit.sample.service import sample

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


async def test_numbers_and_the_feed_jump_ahead_and_the_bus_is_forgotten(sample_url: str) -> None:
    link = await asyncpg.connect(sample_url)
    await link.execute('CREATE SEQUENCE "number_RO"')
    await link.execute("SELECT nextval('\"number_RO\"')")
    await link.execute("INSERT INTO bus_in_use (identity, url) VALUES ('other', 'other')")
    for _ in range(2):  # a restore that broke off is begun again
        await restoring.begin(sample_url, sample.name, NOW)
    assert await link.fetchval("SELECT nextval('\"number_RO\"')") > 2 * restoring.NUMBERS_AHEAD
    assert await link.fetchval("SELECT position FROM feed_head") == 2 * restored.POSITIONS_AHEAD
    assert await link.fetchval("SELECT count(*) FROM bus_in_use") == 0
    assert await link.fetchval("SELECT since FROM restoring") == NOW
    await link.close()


async def test_a_service_that_runs_is_not_restored(sample_url: str, bus_url: str) -> None:
    """Guard: the look at the server's sessions."""
    async with running(sample, sample_url, bus_url, parts=("worker",)):
        with pytest.raises(restoring.StillRunningError, match="stop them first"):
            await restoring.begin(sample_url, sample.name, NOW)
    link = await asyncpg.connect(sample_url)
    assert await link.fetchval("SELECT to_regclass('restoring')") is None
    await link.close()


async def test_loops_wait_until_the_restore_is_over_and_then_run(sample_url: str) -> None:
    """Guard: `when_over`; without it the first round comes at once."""
    uow, rounds, stop = UnitOfWork.open(sample_url, "other", pool_size=2), list[int](), asyncio.Event()

    async def round_() -> int:
        rounds.append(1)
        return 0

    loops = [Loop("a loop", timedelta(milliseconds=10), round_)]
    await restoring.begin(sample_url, sample.name, NOW)
    waiting = asyncio.create_task(restoring.when_over(uow, lambda end: run_loops(loops, end), stop))
    async with uow(Cause("system:test")) as tx:
        await tx.sql.execute("SELECT pg_sleep(1.2)")  # more than two looks
    assert rounds == []
    await restoring.finish(sample_url)
    await until(lambda: len(rounds) > 3)
    stop.set()
    await waiting
    await uow.close()


async def test_kept_facts_are_sent_again_under_their_names_and_in_their_order(sample_url: str, bus_url: str) -> None:
    """Their inboxes know them; a reader that does not gets each once, in the order of each key."""
    async with running(sample, sample_url, bus_url, parts=("api", "relay")) as api:
        for name in ("a", "b", "c", "a2"):
            assert (await api.post("/v1/mugs", json={"name": name})).status_code == 201
        await until(lambda: _sent(sample_url, 4))
    bus = open_bus(bus_url)
    before = [(record.key, record.value, record.headers) for record in await bus.read("mug.made")]
    assert len(before) == 4
    await restored.empty(bus_url, ["mug.made"])
    assert await bus.read("mug.made") == []
    assert await restored.resend(sample_url, bus) == (4, 0)
    assert [(record.key, record.value, record.headers) for record in await bus.read("mug.made")] == before
    await bus.close()


async def _sent(url: str, number: int) -> bool:
    link = await asyncpg.connect(url)
    try:
        return bool(await link.fetchval("SELECT count(*) = $1 FROM outbox_sent", number))
    finally:
        await link.close()
