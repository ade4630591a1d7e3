"""`python -m libs.events`: what an operator sees and does at 3 a.m."""

import asyncio
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from libs.events.bus import Bus, Outgoing, Topic
from libs.events.testing import record_of
from libs.events.transaction import Cause, UnitOfWork, new_id
from libs.events.worker import Worker
from services.notifications.consumers import consumer
from tests.databases import Databases
from tests.service.events.kernel import Counted, until

CAUSE = Cause(actor="user:ana")


async def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Its exit code and what it printed."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "libs.events", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
async def log_url(database: Databases) -> str:
    """An embedded log without topics."""
    return await database("log")


async def test_topics_are_created_checked_and_read_up_to_their_end(log_url: str) -> None:
    code, said = await run("topics", "check", EVENTS_BUS=log_url)
    assert (code, "missing: order.created" in said) == (1, True)
    code, said = await run("topics", "create", EVENTS_BUS=log_url)
    assert (code, "were there" in said) == (0, True)
    assert (await run("topics", "check", EVENTS_BUS=log_url))[0] == 0
    code, said = await run("lag", "--service", "notifications", EVENTS_BUS=log_url)
    assert (code, said.strip()) == (0, "notifications: 0")


async def test_a_missing_variable_is_named() -> None:
    code, said = await run("dead-letters", "list", "--service", "orders", ORDERS_DATABASE_URL="")
    assert code == 2
    assert "ORDERS_DATABASE_URL" in said


async def test_a_dead_letter_is_listed_shown_and_dropped(database: Databases, log_url: str, bus: Bus) -> None:
    url = await database("notifications")
    environment = {"NOTIFICATIONS_DATABASE_URL": url, "EVENTS_BUS": log_url}
    uow = UnitOfWork.open(url, "notifications", pool_size=4)
    try:
        letter = await _buried(uow, bus)
        code, said = await run("dead-letters", "list", "--service", "notifications", **environment)
        assert code == 0
        assert all(part in said for part in (str(letter), "order.created", "open"))
        code, said = await run("dead-letters", "show", "--service", "notifications", str(letter), **environment)
        assert (code, '{"no": "order"}' in said) == (0, True)
        code, said = await run("dead-letters", "redrive", "--service", "notifications", str(letter), **environment)
        assert (code, "stays open" in said) == (1, True)
        assert (await run("dead-letters", "drop", "--service", "notifications", str(letter), **environment))[0] == 0
        code, said = await run("dead-letters", "drop", "--service", "notifications", str(letter), **environment)
        assert (code, "LetterClosedError" in said) == (2, True)
        code, said = await run("dead-letters", "list", "--service", "notifications", **environment)
        assert (code, said) == (0, "")
        async with uow(CAUSE) as tx:
            row = await tx.sql.fetchrow("SELECT closed_as, closed_by FROM dead_letter WHERE id = $1", letter)
            assert row is not None
            assert row["closed_as"] == "dropped"
            assert row["closed_by"].startswith("user:")
    finally:
        await uow.close()


async def _buried(uow: UnitOfWork, bus: Bus) -> object:
    """A dead letter, made by a real worker from a record that is no order."""
    await bus.create_topics([Topic(topic, partitions=1) for topic in consumer.topics])
    record = record_of(Counted(counter=new_id(), value=1))
    headers = tuple(
        (name, {"ce_type": b"order.created", "ce_dataschema": b"order.created.v1"}.get(name, value))
        for name, value in record.headers
    )
    record = replace(record, topic="order.created", headers=headers, value=b'{"no": "order"}')
    await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers)])
    stop = asyncio.Event()
    task = asyncio.create_task(Worker(consumer, uow, bus, wait=0.1).run(stop))

    async def letter() -> object:
        async with uow(CAUSE) as tx:
            return await tx.sql.fetchval("SELECT id FROM dead_letter")

    try:
        return await until(letter)
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)
