"""The whole system: how fast it starts, what it weighs, and how fast it takes a month of a real shop to the door."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncpg

from deploy.environment import free_ports
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from tests.bench.apart import cpu_of, family
from tests.bench.figure import Figure, Goal
from tests.bench.stage import Stage
from tests.e2e.importing import MONTH, a_day, command, cut

AT_ONCE = "32"
SETTLES = 10.0  # seconds until a system that was just started is idle
GOALS = {"order.created": 100.0, "order.confirmed": 60.0, "order.delivered": 20.0}
NAMES = {
    "order.created": "accepted",
    "order.confirmed": "confirmed (reserved and paid)",
    "order.delivered": "delivered",
}
_WHEN = """
SELECT extract(epoch FROM e.at)::float AS at FROM order_event e WHERE e.topic = $1 ORDER BY e.at
"""


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Cold and warm start, memory idle and under load, orders a second accepted, confirmed, delivered."""
    for kind in stage.scale.buses:
        system, started = _system(stage, kind), time.monotonic()
        await system.start()
        cold = time.monotonic() - started
        try:
            await asyncio.sleep(SETTLES / min(stage.scale.less, 5))
            idle = memory(system)
            watching = asyncio.create_task(_heaviest(system))
            async for figure in _imported(stage, system, kind):
                yield figure
            watching.cancel()
            heaviest = await watching
        finally:
            await system.stop()
        again, started = _system(stage, kind), time.monotonic()
        await again.start()
        warm = time.monotonic() - started
        await again.stop()
        yield Figure(f"cold start of everything, {kind}", cold, "s", note="empty folder: initdb, migrations, topics")
        yield Figure(f"warm start of everything, {kind}", warm, "s", note="with the month in it")
        if kind == "embedded":
            what = "memory of five `all` processes and PostgreSQL"
            yield Figure(f"{what}, idle", idle, "MB", goal=(Goal.MOST, 900), note="PSS")
            yield Figure(
                f"{what}, under load", heaviest, "MB", goal=(Goal.MOST, 900), note="PSS, the most while importing"
            )


def _system(stage: Stage, kind: str) -> System:
    root = stage.folder / f"system-{kind}"
    return System(root, ports=free_ports(), bus=kind, throwaway=not stage.durable, restarts=False, say=lambda _: None)


async def _imported(stage: Stage, system: System, kind: str) -> AsyncIterator[Figure]:
    """Import the month by the demo's own command; the timeline of each order says when it got where."""
    file = MONTH if stage.scale.less == 1 else cut(stage.folder, a_day(least=20))
    before, started = _cpu(system), time.monotonic()
    output = await command(system, "demo.month", str(file), "--at-once", AT_ONCE, within=1500)
    assert "NOT AT THEIR END" not in output, output
    seconds = time.monotonic() - started
    spent = {name: cpu - before[name] for name, cpu in _cpu(system).items()}
    times = await _times(system)
    first, orders = times["order.created"][0], len(times["order.created"])
    each = ", ".join(f"{name} {cpu / orders * 1000:.0f}" for name, cpu in spent.items())
    for topic, goal in GOALS.items():
        reached = times[topic]
        note = f"{len(reached)} of {orders} orders in {reached[-1] - first:.0f} s"
        if topic == "order.created":
            note += f"; the whole import {seconds:.0f} s; CPU ms an order: {each}"
        rate = len(reached) / (reached[-1] - first)
        yield Figure(f"the month: {NAMES[topic]}, {kind}", rate, "orders/s", goal=(Goal.LEAST, goal), note=note)


async def _times(system: System) -> dict[str, list[float]]:
    connection = await asyncpg.connect(system.database_url("orders"))
    times = {topic: [row["at"] for row in await connection.fetch(_WHEN, topic)] for topic in GOALS}
    await connection.close()
    return times


def _cpu(system: System) -> dict[str, float]:
    """CPU seconds of each process so far."""
    return {name: cpu_of(member.pid) for name, member in system.members.items()}


async def _heaviest(system: System) -> float:
    """The most that `memory` says until cancelled."""
    most = 0.0
    with suppress(asyncio.CancelledError):
        while True:
            most = max(most, await asyncio.to_thread(memory, system))
            await asyncio.sleep(1)
    return most


def memory(system: System) -> float:
    """Megabytes of the services and PostgreSQL: what is shared counts once (PSS)."""
    owners = [system.members[name].pid for name in (*SERVICE_NAMES, "postgres")]
    return sum(_pss(pid) for owner in owners for pid in family(owner)) / 1024


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # it has just ended
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
