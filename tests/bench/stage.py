"""What every experiment stands on: one PostgreSQL with its usual durability, buses, and services as real processes."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.child import Child
from deploy.ports import free_port
from deploy.postgres import Postgres
from deploy.supervisor import CHECKOUT
from deploy.system import HOST, TOPICS
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.roles import ROLES
from libs.service.testing import until
from tests.bench.apart import cpu_of
from tests.databases import Databases
from tests.kafka import start_kafka, stop_kafka
from tests.scratch import scratch

UNLIMITED = {"REQUESTS_PER_SECOND": "1e9", "REQUESTS_BURST": "1000000000"}
UNLIMITED |= {"PUBLIC_PER_SECOND": "1e9", "PUBLIC_BURST": "1000000000"}
UNLIMITED |= {"SIGNED_PER_SECOND": "1e9", "SIGNED_BURST": "1000000000"}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: `repeats` of everything, and the long form's amounts divided by `less`."""

    repeats: int = 3
    less: int = 1
    buses: tuple[str, ...] = ("embedded", "kafka")
    grown: tuple[int, ...] = (1_000, 100_000, 1_000_000)

    def of(self, amount: int, least: int = 20) -> int:
        """That amount, or what is left of it."""
        return max(amount // self.less, least)


LONG = Scale()
SHORT = Scale(repeats=1, less=25, buses=("embedded",), grown=(1_000, 3_000))


@dataclass(frozen=True, slots=True)
class Running:
    """A service's process."""

    port: int
    pid: int

    @property
    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu_of(self.pid)


class Stage:
    """Opened by `stage`; `databases` makes them, `service` and `bus` run things beside them."""

    def __init__(self, folder: Path, server: Postgres, scale: Scale, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.server = server
        self.durable = not server.throwaway
        self.scale = scale
        self.say = say
        self.databases = Databases(server.url())

    @property
    def cpu(self) -> float:
        """CPU seconds of PostgreSQL so far."""
        return cpu_of(self.server.pid)

    async def empty_bus(self) -> str:
        """An address for a process that publishes nothing."""
        return await self.databases("bus")

    @asynccontextmanager
    async def bus(self, kind: str) -> AsyncIterator[str]:
        """A new log with every topic; Kafka is one broker of its own."""
        broker = await asyncio.to_thread(start_kafka) if kind == "kafka" else None
        try:
            url = broker.bus if broker else await self.databases("bus")
            await make_topics(url)
            yield url
        finally:
            if broker:
                await asyncio.to_thread(stop_kafka, broker)

    @asynccontextmanager
    async def service(self, name: str, part: str, database: str, bus: str, **settings: str) -> AsyncIterator[Running]:
        """`python -m services.NAME PART`, once it is ready, without limits on how often it is asked."""
        port, prefix = free_port(), f"{name.upper()}_"
        told = {"COMANDA_MODE": "development", "EVENTS_BUS": bus, f"{prefix}DATABASE_URL": database}
        told |= {f"{prefix}HOST": HOST, f"{prefix}PORT": str(port)}
        told |= {f"{prefix}{setting}": value for setting, value in (UNLIMITED | settings).items()}
        told["AUTH_DEVELOPMENT_KEYS"] = json.dumps({role: key_of(role) for role in ROLES})
        command = [sys.executable, "-m", f"services.{name}", part]
        child = Child(
            f"{name}-{port}", command, self.folder / f"{name}-{port}.log", env=os.environ | told, cwd=CHECKOUT
        )
        child.start()
        try:
            await until(lambda: asyncio.to_thread(_ready, child, port), 60, why=f"{name} {part} is ready")
            yield Running(port, child.pid)
        finally:
            await asyncio.to_thread(child.stop)


def key_of(role: str) -> str:
    """A role's key, as `libs.service.testing` has it too."""
    return f"development-{role}"


def bearer(role: str) -> str:
    """What an Authorization header holds."""
    return f"Bearer {key_of(role)}"


async def make_topics(url: str) -> None:
    """Every topic, as installed."""
    bus = open_bus(url)
    await bus.create_topics([Topic(each.name, each.partitions, each.retention, each.compacted) for each in TOPICS])
    await bus.close()


@contextmanager
def stage(scale: Scale, say: Callable[[str], None], *, durable: bool = True) -> Iterator[Stage]:
    """A server on disk that syncs as in production; not `durable`: in memory, for a look at whether all still runs."""
    folder = Path(tempfile.mkdtemp(prefix="comanda-bench-")) if durable else scratch()
    server = Postgres(folder / "postgres", throwaway=not durable)
    try:
        server.start()
        yield Stage(folder, server, scale, say)
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(child: Child, port: int) -> bool:
    assert child.alive, child.last_words()
    try:
        with urlopen(f"http://{HOST}:{port}/health/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
