"""`python -m deploy.prepare [SERVICE ...]`: every database at its service's newest schema, every topic there.

One process for all, because most of a migration that has nothing to do is Python's own start. Databases and bus are
named by the same variables as for the services; `python -m services.NAME migrate` does the same for one.
"""

import asyncio
import os
import sys
from pathlib import Path

from deploy.system import PROCESSES
from libs.events.__main__ import main as events
from libs.service.migrations import migrate

CHECKOUT = Path(__file__).parent.parent


async def migrate_all(names: list[str]) -> None:
    """One after the other: alembic's context is one for the process."""
    for process in PROCESSES:
        if process.name in names:
            folder = CHECKOUT / Path(*process.module.split(".")) / "migrations"
            await migrate(os.environ[f"{process.prefix}DATABASE_URL"], folder)
            print(f"{process.name} is migrated", flush=True)


if __name__ == "__main__":
    asyncio.run(migrate_all(sys.argv[1:] or [process.name for process in PROCESSES]))
    raise SystemExit(events(["topics", "create"]))
