"""Puts an installation back to a backup, and lets it find out what happened since, before it goes on by itself.

On this machine, all of it (the system is stopped; afterwards `make run` starts it as ever):
    python -m deploy.restore local BACKUP [--root .local] [--bus embedded|kafka] [--standins 0|1]
Elsewhere, after the server was put back (docs/restore.md), with `<SERVICE>_DATABASE_URL` and `EVENTS_BUS` set:
    python -m services.NAME restore --since MOMENT     each service, with its own settings
    python -m deploy.restore log                       the log starts empty, kept facts are sent again
    python -m deploy.restore finish                    once everything runs: calls and timers start
"""

import argparse
import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from deploy import backup as backups
from deploy.backup import Backup
from deploy.catching_up import Installation, NotRestoredError, catch_up, send_again
from deploy.child import CannotStartError
from deploy.postgres import Postgres
from deploy.supervisor import CHECKOUT, System
from libs.events.__main__ import UsageError
from libs.events.bus import BusUnavailableError


class RestoringSystem(System):
    """A system that begins with a backup's data. Started, it serves; what calls others waits for `finish`."""

    def __init__(self, root: Path, backup: Backup, **options: Any) -> None:
        super().__init__(root, **options)
        self.backup = backup

    @property
    def installation(self) -> Installation:
        """Its databases and its bus."""
        return Installation.of(self.environment.of_operator())

    async def finish(self, patience: float = 600) -> None:
        """Wait until every fact that was sent again has been read, then let calls and timers start."""
        await catch_up(self.installation, self.say, patience)

    async def _start_servers(self) -> None:
        if self.postgres is None:
            raise CannotStartError("an external server is put back by its own means: docs/restore.md says how to go on")
        aside = await asyncio.to_thread(put_back, self.backup, self.postgres)
        self.say(f"the data is that of {self.backup.since:%Y-%m-%d %H:%M:%S} UTC; what was here is in {aside or '-'}")
        await super()._start_servers()

    async def _prepare(self) -> None:
        """The log may be another one than the backup remembers: it will start empty."""
        for process in self.processes:
            connection = await asyncpg.connect(self.database_url(process.name))
            try:
                await connection.execute("DELETE FROM bus_in_use")
            finally:
                await connection.close()
        await super()._prepare()

    async def before_services(self) -> None:
        """Each service's own part, then the log."""
        for process in self.processes:
            arguments = [process.module, "restore", "--since", self.backup.since.isoformat()]
            env = self.environment.of_service(process)
            for line in (await self.run(f"restore-{process.name}", arguments, env)).splitlines():
                if line.startswith(f"{process.name}: "):
                    self.say(line)
        await send_again(self.installation, self.say)


def put_back(backup: Backup, server: Postgres) -> Path | None:
    """A stopped server's data becomes the backup's; where its old data is now. The backup stays as it is."""
    backups.verify(backup.data)
    server.clear()
    aside = None
    if server.data.exists():
        aside = server.data.with_name(f"data.before-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}")
        server.data.rename(aside)
    server.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    backups.copy(backup.data, server.data, like=aside or server.directory)
    return aside


async def _local(options: argparse.Namespace) -> None:
    backup = Backup.of(options.backup.resolve())
    system = RestoringSystem(
        options.root,
        backup,
        bus=os.environ.get("EVENTS_BUS") or options.bus,
        stand_ins=options.standins == "1",
        postgres_url=os.environ.get("POSTGRES_URL"),
        say=_say,
    )
    async with system:
        await system.finish(options.patience)
    _say("Restored and stopped: `make run` starts it. What is not announced: docs/restore.md")


async def _log(_: argparse.Namespace) -> None:
    await send_again(Installation.of(os.environ), _say)


async def _finish(options: argparse.Namespace) -> None:
    await catch_up(Installation.of(os.environ), _say, options.patience)


def _say(text: str) -> None:
    print(text, flush=True)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = argparse.ArgumentParser(prog="python -m deploy.restore", description=(__doc__ or "").split("\n", 1)[0])
    steps = root.add_subparsers(required=True, metavar="STEP")
    local = steps.add_parser("local", help="all of it, on this machine")
    local.add_argument("backup", type=Path, help="what `python -m deploy.backup` wrote")
    local.add_argument("--root", type=Path, default=CHECKOUT / ".local")
    local.add_argument("--bus", default="embedded")
    local.add_argument("--standins", default="1", choices=("0", "1"))
    local.set_defaults(run=_local)
    log = steps.add_parser("log", help="empty the log, send what is kept again")
    log.set_defaults(run=_log)
    finish = steps.add_parser("finish", help="wait until all is read, then let calls and timers start")
    finish.set_defaults(run=_finish)
    for step in (local, finish):
        step.add_argument("--patience", type=float, default=600.0, help="seconds to wait until all is read")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one step; 1 with the reason when it does not end well."""
    options = parser().parse_args(arguments)
    try:
        asyncio.run(options.run(options))
    except (CannotStartError, NotRestoredError, UsageError, BusUnavailableError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
