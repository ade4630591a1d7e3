"""Databases for tests: one real server a run, a migrated template a service, and a copy of it (16 ms) for each test."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from uuid import uuid4

import asyncpg

from deploy.ports import free_port
from deploy.postgres import Postgres
from deploy.system import PROCESSES, ROLES
from tests.scratch import scratch

ROOT = Path(__file__).parent.parent
Prepare = Callable[[str], Awaitable[None] | None]


@dataclass
class Databases:
    """Makes databases on a running server; those made by `fresh` are dropped by `drop_all`."""

    admin: str
    made: list[str] = field(default_factory=list)

    async def __call__(self, name: str, prepare: Prepare | None = None) -> str:
        """A database of this test's own, as `prepare(url)` left it; returns its URL.

        `prepare` runs once a run and kind; its outcome is copied. Without it a service's name gives that service's
        migrated database, opened by its own role, and any other name an empty one.
        """
        process = next((known for known in PROCESSES if known.name == name), None)
        role = name if name in ROLES else "postgres"
        if prepare is None and process is not None:
            prepare = migrate(name)
        database = f"{name}_{uuid4().hex[:12]}"
        async with self._connected() as admin:
            template = await self._template(admin, name, role, prepare) if prepare else "template0"
            await admin.execute(f'CREATE DATABASE "{database}" OWNER "{role}" TEMPLATE "{template}" STRATEGY file_copy')
        self.made.append(database)
        return self.url(database, role)

    def url(self, database: str, role: str = "postgres") -> str:
        """How to open a database."""
        server = self.admin.rsplit("/", 1)[0].split("@")[1]
        return f"postgresql://{role}@{server}/{database}"

    async def drop_all(self) -> None:
        """Drop what was made, whoever is still connected."""
        async with self._connected() as admin:
            while self.made:
                await admin.execute(f'DROP DATABASE IF EXISTS "{self.made.pop()}" WITH (FORCE)')

    async def _template(self, admin: asyncpg.Connection, name: str, role: str, prepare: Prepare) -> str:
        """The prepared database, made by whichever worker comes first."""
        template = f"template_{name}_{getattr(prepare, '__qualname__', 'prepared')}".replace("<locals>.", "")[:63]
        await admin.execute("SELECT pg_advisory_lock(hashtext($1))", template)
        try:
            if not await admin.fetchval("SELECT true FROM pg_database WHERE datname = $1", template):
                building = f"{template[:50]}_{uuid4().hex[:8]}"
                await _make_role(admin, role)
                await admin.execute(f'CREATE DATABASE "{building}" OWNER "{role}" TEMPLATE template0')
                if isawaitable(outcome := await asyncio.to_thread(prepare, self.url(building, role))):
                    await outcome
                await admin.execute(f'ALTER DATABASE "{building}" ALLOW_CONNECTIONS false')
                await admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", building
                )
                await admin.execute(f'ALTER DATABASE "{building}" RENAME TO "{template}"')
        finally:
            await admin.execute("SELECT pg_advisory_unlock(hashtext($1))", template)
        return template

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        admin = await asyncpg.connect(self.admin)
        try:
            yield admin
        finally:
            await admin.close()


def migrate(service: str) -> Prepare:
    """Brings an empty database to the newest schema of a service, exactly as it is done on a server."""

    def run(url: str) -> None:
        env = os.environ | {
            "COMANDA_MODE": "development",
            f"{service.upper()}_DATABASE_URL": url,
            "EVENTS_BUS": f"{url.rsplit('/', 1)[0]}/comanda_events",
        }
        command = [sys.executable, "-m", f"services.{service}", "migrate"]
        done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise RuntimeError(f"services.{service} migrate failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")

    run.__qualname__ = "migrated"
    return run


async def _make_role(admin: asyncpg.Connection, role: str) -> None:
    with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        await admin.execute(f'CREATE ROLE "{role}" LOGIN')


def start_server() -> Postgres:
    """A throwaway server in a scratch directory."""
    return Postgres(scratch() / "postgres", port=free_port(), throwaway=True).start()


def stop_server(server: Postgres) -> None:
    """Stop it and remove its data: nothing of it is worth a clean end."""
    server.kill()
    shutil.rmtree(server.directory.parent, ignore_errors=True)
