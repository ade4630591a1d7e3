"""A rolling upgrade while orders flow: the code of before on the schema of after, then both at once, then the new."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.environment import free_ports
from deploy.ports import free_port
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from libs.service.testing import until
from tests.e2e.importing import command, cut, everything_holds, rows_of_month
from tests.e2e.previous import code_of, code_of_after, previous_commit
from tests.e2e.replicas import Balancer, metric

DAYS = ("2010-12-01", "2010-12-02", "2010-12-03")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def of_day(day: str) -> list[dict[str, Any]]:
    return [row for row in rows_of_month() if row["date"].startswith(day)][:8]


@asynccontextmanager
async def installation(root: Path) -> AsyncIterator[System]:
    env = {f"{name.upper()}_LAME_DUCK": "PT1S" for name in SERVICE_NAMES}
    async with System(
        root / "state", ports=free_ports(), throwaway=True, restarts=False, env=env, say=lambda _: None
    ) as system:
        yield system


async def test_a_rolling_upgrade_loses_and_doubles_nothing_while_orders_flow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Migrations only expand: the processes of the previous commit work on, beside their successors, until stopped."""
    commit = previous_commit()
    if commit is None:
        pytest.skip("no history: an upgrade needs the previous commit's code, and this checkout has none")
    before, after = code_of(commit, tmp_path / "before"), code_of_after(tmp_path / "after")
    file = cut(tmp_path, [row for day in DAYS for row in of_day(day)])
    monkeypatch.setattr("deploy.supervisor.CHECKOUT", before)
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(installation(tmp_path))
        doors = {}
        for name in SERVICE_NAMES:
            doors[name] = await stack.enter_async_context(Balancer([system.ports[name]]).running())
        await webhooks_come_to(system, doors["payments"].url)
        monkeypatch.setattr("tests.e2e.importing.told", lambda _: told(system, doors))
        first = imported(system, file, DAYS[0])
        await placed(system, 2)
        await migrate(system, after)
        await everybody_is_ready(system)
        await first
        await imported(system, file, DAYS[1])  # by the old processes alone, on the new schema

        monkeypatch.setattr("deploy.supervisor.CHECKOUT", after)
        successors_start(system, doors)
        await everybody_is_ready(system)
        third = imported(system, file, DAYS[2])
        await placed(system, 2)
        old = [system.services.pop(name) for name in SERVICE_NAMES]
        assert all(await asyncio.gather(*(asyncio.to_thread(process.stop, 40) for process in old)))
        await third
        assert "all as predicted" in await command(system, "demo.compare", str(file), within=120)
        await everything_holds(system, 120)
        assert errors_in(system) == []
        assert all([await metric(system, f"{name}-new", "comanda_facts_taken_total") for name in SERVICE_NAMES])


async def migrate(system: System, after: Path) -> None:
    """As an operator does it: the new code's command, while the old processes work."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.prepare", *SERVICE_NAMES),
        cwd=after,
        env=system.environment.of_operator(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(running.communicate(), 120)
    assert running.returncode == 0, output.decode()
    for name in SERVICE_NAMES:
        link = await asyncpg.connect(system.database_url(name))
        assert await link.fetchval("SELECT version_num FROM alembic_version") == "next"
        await link.close()


def successors_start(system: System, doors: dict[str, Balancer]) -> None:
    """The new code's processes, beside the old ones."""
    for process in system.processes:
        name = f"{process.name}-new"
        port = system.health[name] = free_port()
        system.services[name] = system._child(
            name, [process.module, "all"], system.environment.of_service(process, port)
        )
        system.services[name].start()
        doors[process.name].ports.append(port)


async def everybody_is_ready(system: System) -> None:
    for name in system.services:
        await system.ready(name, 90)


def imported(system: System, file: Path, day: str) -> "asyncio.Task[str]":
    """One day of the file, slowly, to its end."""
    slowly = ("--at-once", "2", "--rate", "1", "--patience", "100")
    return asyncio.create_task(
        command(system, "demo.month", str(file), "--from", day, "--to", day, *slowly, within=300)
    )


async def placed(system: System, more: int) -> None:
    """Until so many more orders were taken."""
    link = await asyncpg.connect(system.database_url("orders"))
    there = await link.fetchval("SELECT count(*) FROM orders")
    await until(lambda: link.fetchval("SELECT count(*) >= $1 FROM orders", there + more), 120)
    await link.close()


async def webhooks_come_to(system: System, url: str) -> None:
    async with httpx.AsyncClient(timeout=20) as http:
        answer = await http.post(f"{system.url('paypal')}/_control/webhook", json={"url": f"{url}/v1/webhooks/paypal"})
        assert answer.status_code == 200, answer.text


def told(system: System, doors: dict[str, Balancer]) -> dict[str, str]:
    urls = {f"{name.upper()}_URL": system.url(name) for name in ("paypal", "fan", "smtp")}
    urls |= {f"{name.upper()}_URL": door.url for name, door in doors.items()}
    return os.environ | urls | {"COMANDA_LOCAL": str(system.state.root)}


def errors_in(system: System) -> list[str]:
    """What any process of a service, of before or of after, logged as an error."""
    logs = [system.state.log(f"{name}{suffix}") for name in SERVICE_NAMES for suffix in ("", "-new")]
    lines = [(log.name, line) for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [f"{name}: {line[:300]}" for name, line in lines if _is_error(line)]


def _is_error(line: str) -> bool:
    return not line.startswith("{") or json.loads(line).get("level") in ("error", "critical")
