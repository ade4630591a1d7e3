"""For tests: a whole service in the test's own loop, over a real database and bus; and waiting for conditions."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Any, TypeVar, overload

import httpx

from libs.events.bus import Bus
from libs.service.app import make_app
from libs.service.main import opened
from libs.service.parts import PARTS, parts_of, run_parts
from libs.service.roles import ROLES
from libs.service.service import Context, Service

T = TypeVar("T")
PATIENCE = 60.0


class ServiceClient(httpx.AsyncClient):
    """Speaks to a running service as one role; `as_role` as another, `context` is the service's inside."""

    def __init__(self, app: Any, context: Context[Any], role: str) -> None:
        """Made by `running`."""
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("127.0.0.1", 50000))
        super().__init__(transport=transport, base_url="http://service", headers=credentials(role), timeout=60)
        self.app = app
        self.context = context

    def as_role(self, role: str) -> "ServiceClient":
        """Another client of the same service."""
        return ServiceClient(self.app, self.context, role)


def credentials(role: str) -> dict[str, str]:
    """The headers of a role's development key, as `running` sets them; none for the empty role."""
    return {"Authorization": f"Bearer development-{role}"} if role else {}


@asynccontextmanager
async def running(
    service: Service[Any],
    database_url: str,
    events_bus: str,
    *,
    bus: Bus | None = None,
    parts: Sequence[str] = PARTS,
    role: str = "manager",
    **settings: Any,
) -> AsyncIterator[ServiceClient]:
    """The service's API (in process, without a socket), worker and relay; a part that breaks fails the test.

    `bus` shares one that is open already; `parts` leaves out worker or relay; further arguments are settings.
    """
    given = {
        "mode": "development",
        "database_url": database_url,
        "events_bus": events_bus,
        "auth_development_keys": {name: f"development-{name}" for name in ROLES},
    }
    stop = asyncio.Event()
    async with opened(service, service.settings(**(given | settings)), bus) as context:
        chosen = parts_of(service, context, [part for part in parts if part != "api"])
        task = asyncio.create_task(run_parts(chosen, stop, context.settings.stop_within))
        try:
            async with ServiceClient(make_app(service, context), context, role) as client:
                yield client
        finally:
            stop.set()
            fine = await task
    assert fine, "a part of the service broke: see the log"  # noqa: S101 - for tests


@overload
async def until(
    predicate: Callable[[], Awaitable[T]], within: float = ..., *, every: float = ..., why: str = ...
) -> T: ...


@overload
async def until(predicate: Callable[[], T], within: float = ..., *, every: float = ..., why: str = ...) -> T: ...


async def until(predicate: Callable[[], Any], within: float = PATIENCE, *, every: float = 0.02, why: str = "") -> Any:
    """Ask until the answer is truthy and return it; AssertionError with the last answer when that takes too long."""
    deadline = time.monotonic() + within
    while True:
        answer = predicate()
        found = await answer if isawaitable(answer) else answer
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within} s: {why or predicate}, last answer {found!r}"  # noqa: S101
        await asyncio.sleep(every)
