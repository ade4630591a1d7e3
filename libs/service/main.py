"""A service's process: `all`, or one of its parts `api`, `worker`, `relay`; `migrate`; `restore`; its own commands."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx

from libs.events.bus import Bus
from libs.events.open_bus import open_bus
from libs.events.transaction import UnitOfWork
from libs.service import logs, restoring, rights, telemetry
from libs.service.auth import Authentication
from libs.service.migrations import migrate
from libs.service.parts import PARTS, parts_of, run_parts, serve_health
from libs.service.service import Context, Service
from libs.service.settings import ServiceSettings, SettingsError, load

log = logging.getLogger(__name__)


def main(service: Service[Any], arguments: Sequence[str] | None = None) -> int:
    """Run `python -m services.NAME [all|api|worker|relay|migrate|restore]`; 0 only after an ordered stop."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service.name}")
    parser.add_argument(
        "part", nargs="?", default="all", choices=("all", *PARTS, "migrate", "restore", *service.commands)
    )
    parser.add_argument(
        "--since", type=datetime.fromisoformat, help="restore: when the backup was begun, with its zone"
    )
    parser.add_argument("--again", action="store_true", help="restore: only read once more what others did since")
    for name, command in service.commands.items():
        for option, what in command.options.items():
            parser.add_argument(f"--{option}", help=f"{name}: {what}")
    options = parser.parse_args(arguments)
    part = options.part
    if part == "restore" and (options.since is None or options.since.tzinfo is None):
        parser.error("restore needs --since, such as 2026-11-22T03:00:00+00:00")
    try:
        settings = load(service.settings)
    except SettingsError as error:
        print(f"{service.name} cannot start:\n{error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    logs.configure(service.name, settings.log_level)
    if part == "migrate":
        asyncio.run(migrate(settings.database_url, service.migrations))
        return 0
    if part == "restore":
        return asyncio.run(_restore(service, settings, options.since, again=options.again))
    if part in service.commands:
        return asyncio.run(_command(service, settings, part, vars(options)))
    telemetry.start_tracing(service.name)
    _calm_the_collector()
    try:
        return _loop()(_serve(service, settings, PARTS if part == "all" else (part,)))
    finally:
        telemetry.stop_tracing()


def _calm_the_collector() -> None:
    """What was imported stays for ever: no collection needs to look at it; facts and rows are freed by counting."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _loop() -> Callable[[Any], int]:
    try:
        import uvloop  # noqa: PLC0415 - not on every machine
    except ImportError:
        return asyncio.run
    return uvloop.run  # type: ignore[no-any-return,unused-ignore]


@asynccontextmanager
async def opened(
    service: Service[Any], settings: ServiceSettings, bus: Bus | None = None
) -> AsyncIterator[Context[Any]]:
    """The context of a process: pools and clients, closed at the end. `bus`: one that somebody else opened."""
    uow = UnitOfWork.open(settings.database_url, service.name, pool_size=settings.pool_size)
    used = bus or open_bus(settings.events_bus, **settings.bus_settings())
    async with httpx.AsyncClient(timeout=10, follow_redirects=False) as http:
        try:
            yield Context(service.name, settings, uow, used, http, Authentication(settings, uow, http))
        finally:
            if bus is None:
                await used.close()
            await uow.close()


async def _restore(service: Service[Any], settings: ServiceSettings, since: datetime, *, again: bool) -> int:
    """Before anything of the service starts on a database that was put back; 1 where something could not be read."""
    lines: list[str] = []
    try:
        if not again:
            lines += await restoring.begin(settings.database_url, service.name, since, service.calls)
        async with opened(service, settings) as context:
            found = await service.restore(context, since)
    except restoring.StillRunningError as busy:
        print(busy, file=sys.stderr)  # noqa: T201 - a person reads it
        return 2
    for line in (*lines, *found.lines):
        print(f"{service.name}: {line}")  # noqa: T201 - a person reads it
    if found.left:
        print(f"{service.name}: {found.left} could not be read: run it with --again")  # noqa: T201
    return 1 if found.left else 0


async def _command(service: Service[Any], settings: ServiceSettings, name: str, options: dict[str, Any]) -> int:
    command = service.commands[name]
    async with opened(service, settings) as context:
        return await command.run(context, {option: options[option] for option in command.options})


async def _serve(service: Service[Any], settings: ServiceSettings, names: Sequence[str]) -> int:
    told, stop = asyncio.Event(), asyncio.Event()

    def signalled() -> None:
        (stop if told.is_set() else told).set()  # a second one makes it hurry

    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, signalled)
    async with opened(service, settings) as context:
        leaving = asyncio.create_task(_leave(context, told, stop, settings.lame_duck if "api" in names else None))
        log.info("starting", extra={"parts": list(names), "port": settings.port})
        parts = parts_of(service, context, names)
        if "api" not in names and settings.port:
            parts["health"] = lambda stop: serve_health(service, context, stop)
        try:
            if settings.mode == "production" and not await rights.looked_at(context):
                parts["rights"] = lambda stop: rights.look_at_last(context, stop)
            fine = await run_parts(parts, stop, settings.stop_within)
        except rights.TooMuchError as error:
            print(f"{service.name} cannot start:\n{error}", file=sys.stderr)  # noqa: T201 - a person reads it
            return 2
        finally:
            leaving.cancel()
    log.info("stopped", extra={"in_order": fine})
    return 0 if fine else 1


async def _leave(context: Context[Any], told: asyncio.Event, stop: asyncio.Event, lame_duck: timedelta | None) -> None:
    """Between the signal and the stop an API says that it is not ready and serves on, until nobody comes any more."""
    await told.wait()
    context.leaving = True
    if lame_duck:
        await asyncio.sleep(lame_duck.total_seconds())
    stop.set()
