"""A service's process: `all`, or one of its parts `api`, `worker`, `relay`; and `migrate`."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import httpx
import uvicorn

from libs.events.bus import Bus
from libs.events.open_bus import open_bus
from libs.events.relay import Relay
from libs.events.transaction import UnitOfWork
from libs.events.waker import Waker
from libs.events.worker import Worker
from libs.service import idempotency, logs, telemetry
from libs.service.app import make_app
from libs.service.auth import Authentication
from libs.service.loops import Loop, run_loops
from libs.service.migrations import migrate
from libs.service.service import Context, Service
from libs.service.settings import ServiceSettings, SettingsError, load

log = logging.getLogger(__name__)
PARTS = ("api", "worker", "relay")
Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def main(service: Service[Any], arguments: Sequence[str] | None = None) -> int:
    """Run `python -m services.NAME [all|api|worker|relay|migrate]`; the exit code is 0 only after an ordered stop."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{service.name}")
    parser.add_argument("part", nargs="?", default="all", choices=("all", *PARTS, "migrate"))
    part = parser.parse_args(arguments).part
    try:
        settings = load(service.settings)
    except SettingsError as error:
        print(f"{service.name} cannot start:\n{error}", file=sys.stderr)  # noqa: T201 - before there is a log
        return 2
    logs.configure(service.name, settings.log_level)
    if part == "migrate":
        asyncio.run(migrate(settings.database_url, service.migrations))
        return 0
    telemetry.start_tracing(service.name)
    try:
        return _loop()(_serve(service, settings, PARTS if part == "all" else (part,)))
    finally:
        telemetry.stop_tracing()


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


def parts_of(service: Service[Any], context: Context[Any], names: Sequence[str]) -> dict[str, Part]:
    """What runs in a process, in the order in which it is to stop: nothing new comes in, what is in hand goes out."""
    parts: dict[str, Part] = {}
    if "api" in names:
        parts["api"] = lambda stop: serve_api(service, context, stop)
    if "worker" in names:
        loops = [*service.loops(context), cleaning(context)]
        context.wake.update({loop.name: loop.wake for loop in loops})
        parts["worker"] = Worker(service.consumer, context.uow, context.bus).run
        parts["loops"] = lambda stop: run_loops(loops, stop)
    if "relay" in names:
        parts["relay"] = Relay(context.settings.database_url, context.name, context.bus, feed=service.feed).run
    waker = Waker(context.settings.database_url)
    context.uow.on_emitted = waker.wake
    parts["waker"] = waker.run
    return parts


def cleaning(context: Context[Any]) -> Loop:
    """Forgets old idempotency keys."""
    return Loop("idempotency keys", timedelta(minutes=10), lambda: idempotency.clean(context.uow))


async def serve_api(service: Service[Any], context: Context[Any], stop: asyncio.Event) -> None:
    """Serve HTTP until `stop`; requests in hand are finished."""
    settings = context.settings
    listening = _listening(settings.host, settings.port)
    server = _Server(
        uvicorn.Config(
            make_app(service, context),
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=True,
            forwarded_allow_ips=settings.trusted_proxies,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=round(settings.stop_within.total_seconds()),
        )
    )
    serving = asyncio.create_task(server.serve([listening]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise OSError(
            f"cannot listen on {host} port {port}: {error.strerror}; another one is a setting (..._PORT)"
        ) from error


class _Server(uvicorn.Server):
    """Signals are the process's own business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(service: Service[Any], settings: ServiceSettings, names: Sequence[str]) -> int:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with opened(service, settings) as context:
        log.info("starting", extra={"parts": list(names), "port": settings.port})
        fine = await run_parts(parts_of(service, context, names), stop, settings.stop_within)
    log.info("stopped", extra={"in_order": fine})
    return 0 if fine else 1


async def run_parts(parts: dict[str, Part], stop: asyncio.Event, within: timedelta) -> bool:
    """Run until `stop`, then stop the parts one after the other; False if one of them ended by itself or broke."""
    stops = {name: asyncio.Event() for name in parts}
    tasks = {name: asyncio.create_task(part(stops[name]), name=name) for name, part in parts.items()}
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
    fine = waiting.done()
    waiting.cancel()
    for name, task in tasks.items():
        stops[name].set()
        done, _ = await asyncio.wait({task}, timeout=within.total_seconds() + 5)
        if not done:
            log.error("a part does not stop", extra={"part": name})
            task.cancel()
            fine = False
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part broke", extra={"part": name}, exc_info=error)
            fine = False
        elif not fine:
            log.error("stopping", extra={"part": name})
    return fine
