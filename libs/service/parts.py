"""What runs in a process: the API, the worker with its loops, the relay; started together, stopped in order."""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from libs.events import installation, metrics
from libs.events.errors import Kind, backoff, kind_of
from libs.events.relay import Relay
from libs.events.waker import Waker
from libs.events.worker import Worker
from libs.service import idempotency, restoring
from libs.service.app import make_app, make_health_app
from libs.service.loops import Loop, run_loops
from libs.service.service import Context, Service

log = logging.getLogger(__name__)
PARTS = ("api", "worker", "relay")
Part = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def parts_of(service: Service[Any], context: Context[Any], names: Sequence[str]) -> dict[str, Part]:
    """What runs in a process, in the order in which it is to stop: nothing new comes in, what is in hand goes out."""
    parts: dict[str, Part] = {}
    pace = service.pace.total_seconds()
    if "api" in names:
        parts["api"] = lambda stop: serve_api(service, context, stop)
    if "worker" in names:
        own, house = service.loops(context), [cleaning(context), measuring(context, service)]
        context.wake.update({loop.name: loop.wake for loop in (*own, *house)})
        worker = Worker(service.consumer, context.uow, context.bus, pace=pace)
        parts["worker"] = _on_its_own_bus(context, worker.run)
        parts["loops"] = lambda stop: restoring.when_over(context.uow, lambda end: run_loops(own, end), stop)
        parts["house"] = lambda stop: run_loops(house, stop)
    if "relay" in names:
        relay = Relay(context.settings.database_url, context.name, context.bus, feed=service.feed, pace=pace)
        parts["relay"] = _on_its_own_bus(context, relay.run)
    waker = Waker(context.settings.database_url, pace=pace)
    context.uow.on_emitted = waker.wake
    parts["waker"] = waker.run
    return parts


def cleaning(context: Context[Any]) -> Loop:
    """Forgets old idempotency keys."""
    return Loop("idempotency keys", timedelta(minutes=10), lambda: idempotency.clean(context.uow))


def measuring(context: Context[Any], service: Service[Any]) -> Loop:
    """Tells Prometheus how far the consumer is behind."""

    async def measure() -> int:
        behind = Counter[str]()
        for place, facts in (await context.bus.lag(service.consumer.name)).items():
            behind[place.topic] += facts
        for topic in service.consumer.topics:
            metrics.lag(service.consumer.name, topic, behind[topic])
        return 0

    return Loop("consumer lag", timedelta(seconds=30), measure)


def _on_its_own_bus(context: Context[Any], part: Part) -> Part:
    """The part, once the database knows this bus as its own; OtherBusError when it has used another one until now."""

    async def run(stop: asyncio.Event) -> None:
        attempt = 0
        while not stop.is_set():
            try:
                async with context.uow.engine.connect() as connection:
                    sql: Any = (await connection.get_raw_connection()).driver_connection
                    await installation.remember(sql, context.bus, context.settings.events_bus, context.name)
            except Exception as error:
                if kind_of(error) is not Kind.TRANSIENT:
                    raise
                attempt += 1
                log.warning("the bus or the database is away: %s", type(error).__name__)
                with suppress(TimeoutError):
                    async with asyncio.timeout(backoff(attempt, most=5)):
                        await stop.wait()
            else:
                await part(stop)
                return

    return run


async def serve_api(service: Service[Any], context: Context[Any], stop: asyncio.Event) -> None:
    """Serve HTTP until `stop`; requests in hand are finished."""
    await _serve(make_app(service, context), context, stop)


async def serve_health(service: Service[Any], context: Context[Any], stop: asyncio.Event) -> None:
    """Health and metrics of a process that has no API, on the same port."""
    await _serve(make_health_app(service, context), context, stop)


async def _serve(app: ASGIApp, context: Context[Any], stop: asyncio.Event) -> None:
    settings = context.settings
    listening = _listening(settings.host, settings.port)
    server = _Server(
        uvicorn.Config(
            app,
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
