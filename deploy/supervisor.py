"""Starts the whole system on one machine, keeps it running, and stops it in the reverse order.

async with System(root, ports=free_ports(), bus="kafka") as system:
system.kill("payments")              # as a crash would; it is restarted by itself
await system.ready("payments")
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from deploy import databases
from deploy.child import CannotStartError, Child
from deploy.environment import Environment, ports_from_environment
from deploy.kafka import Kafka
from deploy.keeper import LONGEST_WAIT, Member, keep_running
from deploy.ports import free_port, require_apart, require_free
from deploy.postgres import Postgres
from deploy.state import State
from deploy.system import PROCESSES, SERVICE_NAMES, STAND_INS

CHECKOUT = Path(__file__).parent.parent
START_WITHIN = 180.0
STOP_WITHIN = 45.0


class System:
    """The system of system.py under one folder.

    `bus` is "embedded", "kafka" (a local cluster of `brokers`) or the `kafka://` URL of an external one.
    `split` runs api, worker and relay of each service as processes of their own (`orders-api`, `orders-worker` ...),
    with `replicas` so many of a kind at once (`orders-worker-2` ...), each with its health and metrics on `health`.
    `postgres_url` names an administrator of an external server. `say` hears what a person should know.
    `services` leaves others out. `members` are the processes by name; what ends unexpectedly is restarted, after
    `longest_wait` seconds at most, unless `restarts` is False or its name is in `held`.
    """

    def __init__(  # noqa: PLR0913 - what an installation can choose
        self,
        root: Path,
        *,
        ports: Mapping[str, int] | None = None,
        services: Collection[str] = SERVICE_NAMES,
        bus: str = "embedded",
        brokers: int = 1,
        stand_ins: bool = True,
        split: bool = False,
        replicas: Mapping[str, int] | None = None,
        throwaway: bool = False,
        restarts: bool = True,
        longest_wait: float = LONGEST_WAIT,
        postgres_url: str | None = None,
        env: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.state = State(root.resolve())
        self.ports = ports_from_environment() if ports is None else ports
        self.say = say
        self.restarts = restarts
        self.longest_wait = longest_wait
        self.held: set[str] = set()
        self.processes = tuple(process for process in PROCESSES if process.name in services)
        self.postgres = None if postgres_url else self._postgres(throwaway=throwaway)
        self.kafka = self._kafka(brokers) if bus == "kafka" else None
        self.environment = Environment(
            self.state,
            self.ports,
            postgres_url or f"postgresql://postgres@127.0.0.1:{self.ports['postgres']}/postgres",
            self.kafka.bus if self.kafka else bus,
            tuple(each for each in STAND_INS if stand_ins or each.always),
            env or {},
        )
        self.stand_ins = self._planned_stand_ins()
        self.health: dict[str, int] = {}
        self.services = self._planned_services(split or bool(replicas), replicas)
        self._lock: TextIOWrapper | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def members(self) -> dict[str, Member]:
        """Every process by its name, in the order of starting."""
        members: dict[str, Member] = {"postgres": self.postgres} if self.postgres else {}
        members |= {broker.name: broker for broker in (self.kafka.brokers if self.kafka else ())}
        return members | self.stand_ins | self.services

    @property
    def keys(self) -> dict[str, str]:
        """The development key of each role."""
        return self.state.development_keys()

    def url(self, name: str) -> str:
        """Where a service or a stand-in answers."""
        return self.environment.url(name)

    def database_url(self, service: str) -> str:
        """How a service opens its database."""
        database = next(process.database for process in PROCESSES if process.name == service)
        return self.environment.database_url(database.name, database.role)

    async def start(self) -> Self:
        """Start everything; returns when all is ready. On failure nothing is left running."""
        self._lock = self.state.lock()
        try:
            self._require_ports()
            self.state.write_environment(self.environment.of_operator())
            await self._start_servers()
            await _all(self._prepare(), self._start(self.stand_ins))
            await self.before_services()
            await self._start(self.services)
        except BaseException:
            await self.stop()
            raise
        if self.restarts:
            keeping = keep_running(self.members, self.say, held=self.held, longest=self.longest_wait)
            self._keeper = asyncio.create_task(keeping, name="keeper")
        return self

    async def before_services(self) -> None:
        """Servers and stand-ins are there, databases and topics are prepared; a restore does its part here."""

    async def run(self, name: str, module: list[str], env: Mapping[str, str]) -> str:
        """Run a command to its end; what it printed. CannotStartError with that when it ends badly."""
        log = self.state.log(name)
        with log.open("wb") as output:
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *module, stdout=output, stderr=output, env=dict(env), cwd=CHECKOUT
            )
            try:
                code = await running.wait()
            except asyncio.CancelledError:
                running.kill()
                raise
        text = log.read_text(errors="replace")
        if code:
            raise CannotStartError(f"{' '.join(module)} failed:\n{text[-4000:]}")
        return text

    async def stop(self) -> None:
        """Stop everything cleanly, in the reverse order."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        for group in (self.services, self.stand_ins):
            await asyncio.gather(*(self._stop(child) for child in group.values()))
        if self.kafka:
            await asyncio.to_thread(self.kafka.stop)
        if self.postgres:
            await asyncio.to_thread(self.postgres.stop)
        if self._lock:
            self._lock.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def kill(self, name: str) -> None:
        """End a process with SIGKILL."""
        self.members[name].kill()

    async def restart(self, name: str) -> None:
        """Start a process that ended, where nobody else does, and wait until it is ready."""
        await asyncio.to_thread(self.members[name].start)
        await self.ready(name)

    async def ready(self, name: str, within: float = START_WITHIN) -> None:
        """Wait until a process is there and says that it is ready."""
        deadline, member = time.monotonic() + within, self.members[name]
        while not (member.alive and await asyncio.to_thread(self._says_ready, name)):
            if time.monotonic() > deadline or (self._keeper is None and not member.alive):
                words = member.last_words() if isinstance(member, Child) else ""
                raise CannotStartError(f"{name} is not ready; the end of {self.state.log(name)}:\n{words}")
            await asyncio.sleep(0.1)

    def _planned_stand_ins(self) -> dict[str, Child]:
        return {
            each.name: self._child(each.name, [each.module, *self.environment.arguments(each)], os.environ)
            for each in self.environment.stand_ins
        }

    def _planned_services(self, split: bool, replicas: Mapping[str, int] | None) -> dict[str, Child]:  # noqa: FBT001
        planned = {}
        kinds = [(process, kind) for process in self.processes for kind in (process.kinds if split else ("all",))]
        for process, kind in kinds:
            for n in range((replicas or {}).get(kind, 1)):
                name = (f"{process.name}-{kind}" if split else process.name) + (f"-{n + 1}" if n else "")
                own = kind in ("all", "api") and not n
                port = self.ports[process.name] if own else free_port() if replicas else 0
                self.health |= {name: port} if port else {}
                planned[name] = self._child(name, [process.module, kind], self.environment.of_service(process, port))
        return planned

    def _child(self, name: str, module: list[str], env: Mapping[str, str]) -> Child:
        return Child(name, [sys.executable, "-m", *module], self.state.log(name), env=env, cwd=CHECKOUT)

    def _require_ports(self) -> None:
        """Find out about taken ports before anything is changed."""
        for child in (*self.stand_ins.values(), *self.services.values()):
            child.clear_leftover()
        names = [*(process.name for process in self.processes), *self.stand_ins]
        servers = [name for name, server in (("postgres", self.postgres), ("kafka", self.kafka)) if server]
        require_apart({name: self.ports[name] for name in (*servers, *names)})
        for name in names:
            require_free(self.ports[name], name, f"{name.upper()}_PORT")

    async def _start_servers(self) -> None:
        (self.state.root / "standins").mkdir(exist_ok=True)
        if self.postgres:
            await asyncio.to_thread(self.postgres.start)
        await databases.create(self.environment.postgres, self.state.passwords())
        if self.kafka:
            await asyncio.to_thread(self.kafka.start)

    async def _prepare(self) -> None:
        """Bring every database to its service's newest schema, and make the topics."""
        names = [process.name for process in self.processes]
        await self.run("prepare", ["deploy.prepare", *names], self.environment.of_operator())

    async def _start(self, children: Mapping[str, Child]) -> None:
        for child in children.values():
            child.start()
        await _all(*(self.ready(name) for name in children))

    def _says_ready(self, name: str) -> bool:
        """What cannot be asked is ready when it runs."""
        if name in self.stand_ins:
            return _answers(f"{self.url(name)}/_control/health")
        return name not in self.health or _answers(f"http://127.0.0.1:{self.health[name]}/health/ready")

    async def _stop(self, child: Child) -> None:
        if not await asyncio.to_thread(child.stop, STOP_WITHIN):
            self.say(f"{child.name} did not stop within {STOP_WITHIN:.0f} s and was ended")

    def _postgres(self, *, throwaway: bool) -> Postgres:
        port, log = self.ports["postgres"], self.state.log("postgres")
        return Postgres(self.state.root / "postgres", port=port, throwaway=throwaway, log=log)

    def _kafka(self, brokers: int) -> Kafka:
        lib = CHECKOUT / ".local" / "kafka" / "lib"
        folder, log = self.state.root / "kafka", self.state.log("kafka")
        return Kafka(folder, lib=lib, brokers=brokers, port=self.ports["kafka"], log=log)


async def _all(*parts: Coroutine[None, None, None]) -> None:
    """Wait for all of them, whatever happens to one; then the first error counts."""
    for outcome in await asyncio.gather(*parts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)  # noqa: PLR2004 - OK
    except (URLError, OSError):
        return False
