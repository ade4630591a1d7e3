"""A service as data, and the context its parts share: the composition root."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Generic, TypeVar

import httpx
from fastapi import APIRouter

from libs.events.bus import Bus
from libs.events.consumer import Consumer
from libs.events.relay import PACE
from libs.events.transaction import UnitOfWork
from libs.service.auth import Authentication
from libs.service.limits import RateLimit
from libs.service.loops import Loop, Wakes
from libs.service.restoring import Found
from libs.service.settings import ServiceSettings

S = TypeVar("S", bound=ServiceSettings)


@dataclass
class Context(Generic[S]):
    """What the parts of one process share."""

    name: str
    settings: S
    uow: UnitOfWork
    bus: Bus
    http: httpx.AsyncClient
    auth: Authentication
    wake: Wakes = field(default_factory=Wakes)
    leaving: bool = False  # told to stop: not ready any more, and answers ask to come back elsewhere
    rate: RateLimit = field(init=False)
    public_rate: RateLimit = field(init=False)
    signed_rate: RateLimit = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.rate = RateLimit(settings.requests_per_second, settings.requests_burst)
        self.public_rate = RateLimit(settings.public_per_second, settings.public_burst)
        self.signed_rate = RateLimit(settings.signed_per_second, settings.signed_burst)


async def nothing_more(_: Context[S], __: datetime) -> Found:
    """For a service that calls nobody: what every service does about a restore is enough."""
    return Found()


def no_loops(_: Context[S]) -> Sequence[Loop]:
    """For a service without background loops of its own."""
    return ()


@dataclass(frozen=True)
class Command(Generic[S]):
    """Something that `python -m services.NAME` can do beside serving: `options` by name with what each is for.

    `run` gets what was given for each option, and returns the exit code.
    """

    run: Callable[[Context[S], Mapping[str, str | None]], Awaitable[int]]
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service(Generic[S]):
    """One service; its name is also its consumer's and its metrics'. `feed`: topics whose facts are kept as a feed.

    `calls` are its tables of calls to others. `restore` finds out what those others did since a backup, before anything
    of the service starts again, or later once more. `pace`: how long facts of a busy moment may wait for each other on
    their way in and out, each time; those that come after a quiet one never wait.
    """

    name: str
    settings: type[S]
    routers: Sequence[APIRouter]
    consumer: Consumer
    migrations: Path
    loops: Callable[[Context[S]], Sequence[Loop]] = no_loops
    feed: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    restore: Callable[[Context[S], datetime], Awaitable[Found]] = nothing_more
    commands: Mapping[str, Command[S]] = field(default_factory=dict)
    description: str = ""
    pace: timedelta = timedelta(seconds=PACE)
