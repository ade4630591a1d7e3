"""A service whose database was put back from a backup: what is done to its rows before anything of it starts.

The table `restoring` stands from then on until the whole system has caught up: calls to others and timers wait for
that, in every process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from libs.events import restored
from libs.events.errors import Kind, backoff, kind_of
from libs.events.transaction import UnitOfWork
from libs.service import telemetry

log = logging.getLogger(__name__)
NUMBERS_AHEAD = 100_000
"""How far number sequences jump: more than was ever drawn between a backup and the loss."""
LOOK_EVERY = 0.5
SAY_EVERY = 120


class StillRunningError(Exception):
    """A process of the service uses its database: it must be stopped first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What others were asked about since the backup: a line each; `left` of it could not be read and is asked again."""

    lines: Sequence[str] = ()
    left: int = 0


async def begin(database_url: str, service: str, since: datetime, calls: Sequence[str] = ()) -> list[str]:
    """From here on calls and timers wait; numbers and the feed jump ahead; which bus was used is forgotten.

    Every call in the tables `calls` that was due or claimed becomes an unknown one: it may have been made since.

    StillRunningError while a process of the service is connected.
    """
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database_url, timeout=10)
    try:
        if busy := await connection.fetchval(_CONNECTED, f"comanda-{service}%"):
            raise StillRunningError(f"{service}: {busy} connections of its processes are open: stop them first")
        async with connection.transaction():
            await connection.execute(_TABLE)
            await connection.execute(
                "INSERT INTO restoring (since) VALUES ($1) ON CONFLICT (single) DO UPDATE SET since = $1", since
            )
            await restored.begin(connection)
            jumped = [await _jump(connection, row["name"]) for row in await connection.fetch(_SEQUENCES)]
            doubted = [await _doubt(connection, table) for table in calls]
    finally:
        await connection.close()
    return [f"the feed goes on {restored.POSITIONS_AHEAD} positions ahead", *jumped, *doubted]


async def _jump(connection: "asyncpg.Connection[Any]", name: str) -> str:
    number = await connection.fetchval(_JUMP, name, NUMBERS_AHEAD)
    return f"{name} goes on at {number + 1}"


async def _doubt(connection: "asyncpg.Connection[Any]", table: str) -> str:
    done = await connection.execute(_DOUBT.format(table=table))
    return f"{done.split()[-1]} rows of {table} were due: each is looked up before it is made"


async def stands(uow: UnitOfWork) -> bool:
    """Whether the service has not caught up yet."""
    async with uow.engine.connect() as connection:
        sql: Any = (await connection.get_raw_connection()).driver_connection
        return bool(await sql.fetchval("SELECT to_regclass('restoring') IS NOT NULL"))


async def when_over(uow: UnitOfWork, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Run what calls others or fires by the clock, at once or as soon as the restore is over."""
    attempt = looked = 0
    while not stop.is_set():
        try:
            if not await stands(uow):
                telemetry.RESTORING.labels(uow.service).set(0)
                await run(stop)
                await stop.wait()  # also where there was nothing to run
                return
            attempt = 0
        except Exception as error:
            if kind_of(error) is not Kind.TRANSIENT:
                raise
            attempt += 1
        telemetry.RESTORING.labels(uow.service).set(1)
        if not looked % SAY_EVERY:
            log.warning("calls and timers wait until the restore is over")
        looked += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff(attempt, most=5) if attempt else LOOK_EVERY):
                await stop.wait()


async def finish(database_url: str) -> None:
    """The restore is over: calls and timers start."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        await connection.execute("DROP TABLE IF EXISTS restoring")
    finally:
        await connection.close()


_TABLE = """
CREATE TABLE IF NOT EXISTS restoring (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    since timestamptz NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
)
"""
_JUMP = "SELECT setval($1::text::regclass, nextval($1::text::regclass) + $2)"
_CONNECTED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1
"""
_SEQUENCES = """
SELECT format('%I', c.relname) AS name FROM pg_class c
WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'i') ORDER BY 1
"""
_DOUBT = """
UPDATE {table} SET call_state = 'unknown', due_at = now(), claim = NULL, claimed_until = NULL, absent = 0,
    last_error = 'restored: it may have been made after the backup'
WHERE call_state IN ('due', 'claimed')
"""
