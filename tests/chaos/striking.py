"""How a fault is done to a running system, and undone."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, Signals

import asyncpg
import httpx

from deploy.child import Child
from deploy.supervisor import System
from tests.chaos.broker import refusing
from tests.chaos.deadline import Deadline
from tests.chaos.member import dressed
from tests.chaos.schedule import Fault, Kind

REACHED_WITHIN = 30.0
AGREED_WITHIN = 120.0
REFUSED_FOR_GOOD = {"max.message.bytes": "200"}
REFUSED_FOR_NOW = {"min.insync.replicas": "4"}  # more than there are


@dataclass
class Striker:
    """Does faults to a system and counts them; `deadline` are orders whose reservations run out in a long outage.

    `patience` seconds are waited until a victim has reached the instant at which it is struck.
    """

    system: System
    say: Callable[[str], None]
    deadline: Deadline | None = None
    patience: float = REACHED_WITHIN
    struck: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    instants: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    _clocks: dict[str, int] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _plain: dict[str, tuple[list[str], dict[str, str]]] = field(default_factory=dict)

    async def strike(self, fault: Fault) -> None:
        """One fault, from its beginning to its end."""
        self.say(str(fault))
        if fault.kind is Kind.CLOCK:  # others may strike the same process meanwhile
            await self._clock(fault)
        else:
            async with self._alone(fault.victim):
                await self._ways[fault.kind](self, fault)
        self.struck[fault.kind, fault.victim] += 1

    # Processes.

    async def _kill(self, fault: Fault) -> None:
        await self._killed(fault.victim)

    async def _kill_at(self, fault: Fault) -> None:
        pid = await self._trapped(fault, SIGKILL)
        if await self._comes(lambda: not _runs(pid), self.patience):
            self.kills[fault.victim] += 1
            self.instants[fault.point] += 1
            await self._back(fault.victim, pid)
        else:  # there was nothing for it to do
            self.noted["instants that were not reached: killed at a random moment"] += 1
            await self._killed(fault.victim)

    async def _freeze(self, fault: Fault) -> None:
        os.kill(self._child(fault.victim).pid, SIGSTOP)
        async with self._second(fault.victim):
            await self._slept(fault, self._child(fault.victim).pid)

    async def _freeze_at(self, fault: Fault) -> None:
        pid = await self._trapped(fault, SIGSTOP)
        if not await self._comes(lambda: _state(pid) == "T", 1.5 * self.patience):
            self.noted["instants that were not reached: nobody frozen"] += 1
            await self._killed(fault.victim)
            return
        self.instants[fault.point] += 1
        async with self._second(fault.victim):
            await self._slept(fault, pid)

    async def _slept(self, fault: Fault, pid: int) -> None:
        """Frozen for so long, then awake beside whoever took over."""
        await asyncio.sleep(fault.lasts)
        if not self._child(fault.victim).alive or _state(pid) != "T":
            raise AssertionError(f"{fault.victim} did not stay frozen")
        os.kill(pid, SIGCONT)
        await asyncio.sleep(3)

    @asynccontextmanager
    async def _second(self, name: str) -> AsyncIterator[None]:
        """Another process of the same kind takes over; an API has one address, so there nobody does."""
        if name.endswith("-api"):
            yield
            return
        first = self._child(name)
        command, env = self._plain.get(name, (first.command, first.env))
        second = Child(f"{name}-2", command, self.system.state.log(f"{name}-2"), env=env, cwd=first.cwd)
        await asyncio.to_thread(second.start)
        try:
            yield
        finally:
            await asyncio.to_thread(second.stop, 45)

    async def _clock(self, fault: Fault) -> None:
        for clock in (fault.clock, 0):
            async with self._alone(fault.victim):
                self._clocks[fault.victim] = clock
                await self._killed(fault.victim)
            await asyncio.sleep(fault.lasts if clock else 0)

    def _alone(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _trapped(self, fault: Fault, signal: Signals) -> int:
        """Start the victim anew with a trap; which process that is."""
        await self._killed(fault.victim, point=fault.point, nth=fault.nth, signal=signal)
        self._dress(fault.victim)  # whoever is started after it has none
        return self._child(fault.victim).pid

    async def _killed(self, name: str, **trap: object) -> None:
        """SIGKILL, and wait until it runs again, with a trap if one is given."""
        self._dress(name, **trap)
        pid = self._child(name).pid
        self.kills[name] += 1
        self.system.kill(name)
        await self._back(name, pid)

    async def _back(self, name: str, pid: int) -> None:
        child = self._child(name)
        async with asyncio.timeout(AGREED_WITHIN):
            while not child.alive or child.pid == pid:
                await asyncio.sleep(0.05)

    def _dress(self, name: str, **trap: object) -> None:
        """What the next start of a process is told."""
        child = self._child(name)
        command, env = self._plain.setdefault(name, (list(child.command), dict(child.env)))
        wrong = dressed(self._clocks.get(name, 0), **trap)  # type: ignore[arg-type] # as given by us
        python, _, module, kind = command
        child.command = [python, "-m", "tests.chaos.member", module, kind] if wrong else command
        child.env = env | wrong

    def _child(self, name: str) -> Child:
        return self.system.services[name]

    async def _comes(self, condition: Callable[[], bool], within: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not condition():
                    await asyncio.sleep(0.02)
                return True
        return False

    # What everybody stands on.

    async def _postgres(self, fault: Fault) -> None:
        async with self._down("postgres", fault.lasts):
            pass
        self.kills["postgres"] += 1

    async def _bus(self, fault: Fault) -> None:
        brokers = self.system.kafka.brokers if self.system.kafka else []
        deadline = self.deadline if fault.kind is Kind.BUS_LONG else None
        if deadline is not None:
            await deadline.place()
        self.system.held.update(broker.name for broker in brokers)
        await asyncio.gather(*(asyncio.to_thread(broker.stop) for broker in brokers))
        if deadline is not None:
            await deadline.pay_half()
        await asyncio.sleep(fault.lasts)
        self.system.held.difference_update(broker.name for broker in brokers)
        async with asyncio.timeout(AGREED_WITHIN):
            while not all(broker.alive for broker in brokers):
                await asyncio.sleep(0.1)

    async def _broker(self, fault: Fault) -> None:
        async with self._down(fault.victim, fault.lasts):
            pass
        self.kills[fault.victim] += 1

    @asynccontextmanager
    async def _down(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Ended by SIGKILL, away for so long, then started by its keeper."""
        member = self.system.members[name]
        self.system.held.add(name)
        self.system.kill(name)
        await asyncio.sleep(seconds)
        yield
        self.system.held.discard(name)
        async with asyncio.timeout(AGREED_WITHIN):
            while not member.alive:
                await asyncio.sleep(0.1)

    async def _refuse_for_good(self, fault: Fault) -> None:
        """Until some were refused and it was so for a while; then an operator lets the relay try them again."""
        service = "payments" if fault.victim.startswith("payment") else "orders"
        async with refusing(self.system, fault.victim, REFUSED_FOR_GOOD):
            await asyncio.sleep(fault.lasts)
            with suppress(TimeoutError):
                async with asyncio.timeout(REACHED_WITHIN):
                    while not await self._refused(service):
                        await asyncio.sleep(0.2)
        self.noted["facts the broker refused for good, sent by an operator's `outbox retry`"] += await self._refused(
            service
        )
        await self.retry(service)

    async def _refuse_for_now(self, fault: Fault) -> None:
        async with refusing(self.system, fault.victim, REFUSED_FOR_NOW):
            await asyncio.sleep(fault.lasts)

    async def _refused(self, service: str) -> int:
        link = await asyncpg.connect(self.system.database_url(service))
        try:
            return int(await link.fetchval("SELECT count(*) FROM outbox WHERE refused IS NOT NULL"))
        finally:
            await link.close()

    async def retry(self, service: str) -> None:
        """As an operator does it."""
        await self.system.run(
            "outbox-retry",
            ["libs.events", "outbox", "retry", "--service", service],
            self.system.environment.of_operator(),
        )

    async def _late(self, fault: Fault) -> None:
        """The next booking arrives, and is carried out only when nobody waits for it any more."""
        rule = {"operation": "book", "how": "slow", "delay_ms": int(fault.lasts * 1000)}
        async with httpx.AsyncClient(base_url=self.system.url("fan"), timeout=30) as http:
            (await http.post("/_control/misbehave", json=rule)).raise_for_status()

    _ways = {  # noqa: RUF012 - the methods, by what they do
        Kind.KILL: _kill,
        Kind.KILL_AT: _kill_at,
        Kind.FREEZE: _freeze,
        Kind.FREEZE_AT: _freeze_at,
        Kind.LATE: _late,
        Kind.REFUSED_FOR_GOOD: _refuse_for_good,
        Kind.REFUSED_FOR_NOW: _refuse_for_now,
        Kind.POSTGRES: _postgres,
        Kind.BUS: _bus,
        Kind.BUS_LONG: _bus,
        Kind.BROKER: _broker,
    }


def _state(pid: int) -> str:
    """What the kernel says of a process; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _runs(pid: int) -> bool:
    return _state(pid) not in ("", "Z")
