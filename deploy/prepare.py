"""`python -m deploy.prepare [SERVICE ...]`: every database at its newest schema and on this bus, every topic there.

One process for all, because most of a migration that has nothing to do is Python's own start. Databases and bus are
named by the same variables as for the services; `python -m services.NAME migrate` does the same for one.
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from deploy.system import PROCESSES
from libs.events import installation
from libs.events.__main__ import main as events
from libs.events.bus_settings import from_environment
from libs.events.open_bus import open_bus
from libs.service.migrations import migrate

CHECKOUT = Path(__file__).parent.parent


async def migrate_all(names: list[str]) -> None:
    """One after the other: alembic's context is one for the process."""
    for process in PROCESSES:
        if process.name in names:
            folder = CHECKOUT / Path(*process.module.split(".")) / "migrations"
            await migrate(os.environ[f"{process.prefix}DATABASE_URL"], folder)
            print(f"{process.name} is migrated", flush=True)


async def remember_bus(names: list[str]) -> None:
    """Refuse before anything starts when a database still belongs to another bus."""
    url = os.environ["EVENTS_BUS"]
    bus = open_bus(url, **from_environment())
    try:
        for process in PROCESSES:
            if process.name in names:
                connection = await asyncpg.connect(os.environ[f"{process.prefix}DATABASE_URL"])
                try:
                    await installation.remember(connection, bus, url, process.name)
                finally:
                    await connection.close()
    finally:
        await bus.close()


async def prepare(names: list[str]) -> int:
    """Everything but the topics."""
    await migrate_all(names)
    try:
        await remember_bus(names)
    except installation.OtherBusError as other:
        print(f"{other}\nIf nothing in this installation is worth keeping: make reset", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    code = asyncio.run(prepare(sys.argv[1:] or [process.name for process in PROCESSES]))
    raise SystemExit(code or events(["topics", "create"]))
