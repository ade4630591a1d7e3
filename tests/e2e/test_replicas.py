"""On Apache Kafka, two APIs, three workers and two relays of every service at once: everything exactly once."""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from deploy.environment import free_ports
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from libs.service.testing import until
from tests.e2e.importing import a_day, command, cut, everything_holds
from tests.e2e.replicas import Balancer, active_relays, metric

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(900)]
REPLICAS = {"api": 2, "worker": 3, "relay": 2}


async def one_relay_each(system: System) -> bool:
    return all([len(await active_relays(system, name)) == 1 for name in SERVICE_NAMES])


async def test_replicas_of_every_service_share_the_work_and_each_effect_happens_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One relay of each service works, wherever it stands; while orders flow the working ones are killed."""
    file = cut(tmp_path, a_day(least=20))
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(
            System(
                tmp_path / "state",
                ports=free_ports(),
                bus="kafka",
                throwaway=True,
                restarts=False,
                replicas=REPLICAS,
                say=lambda _: None,
            )
        )
        assert len(system.services) == 5 * 7
        doors = {}
        for name in SERVICE_NAMES:
            ports = [system.health[f"{name}-api"], system.health[f"{name}-api-2"]]
            doors[name] = await stack.enter_async_context(Balancer(ports).running())
        urls = {f"{name.upper()}_URL": door.url for name, door in doors.items()}
        monkeypatch.setattr("tests.e2e.importing.told", lambda system: told(system, urls))
        await until(lambda: one_relay_each(system), 60)
        importing = asyncio.create_task(command(system, "demo.month", str(file), "--patience", "200", within=500))
        killed = await relays_are_killed_at_work(system, importing)
        assert "NOT AT THEIR END" not in await importing
        assert "all as predicted" in await command(system, "demo.compare", str(file), within=120)
        await everything_holds(system, 120)
        assert ended(system) == killed, "nobody ended by himself"
        for name in SERVICE_NAMES:
            workers = [each for each in system.services if each.startswith(f"{name}-worker")]
            taken = [await metric(system, each, "comanda_facts_taken_total") for each in workers]
            assert len(taken) == 3
            assert sum(each > 0 for each in taken) > 1, (
                name,
                taken,
            )  # the keys of few orders may miss one's partitions
        assert all(len(door.served) == 2 for door in doors.values() if door.served.total() > 5)
        assert len(doors["orders"].served) == 2


async def relays_are_killed_at_work(system: System, importing: "asyncio.Task[str]") -> set[str]:
    """One service's after the other; the one that stood by works within seconds, and never both. Who was killed."""
    killed = set[str]()
    for name in SERVICE_NAMES:
        assert ended(system) == killed
        (working,) = await until(lambda: active_relays(system, name), 60)  # noqa: B023
        await until(lambda: published(system, working), 120)  # noqa: B023 - awaited here
        assert not importing.done(), "the import was over before everybody was killed"
        system.kill(working)
        killed.add(working)
        taken_over = await until(lambda: active_relays(system, name), 60)  # noqa: B023
        assert len(taken_over) == 1
        assert taken_over != [working]
    return killed


def ended(system: System) -> set[str]:
    return {name for name, member in system.members.items() if not member.alive}


async def published(system: System, process: str) -> bool:
    return await metric(system, process, "comanda_facts_published_total") > 0


def told(system: System, urls: dict[str, str]) -> dict[str, str]:
    others = {f"{name.upper()}_URL": system.url(name) for name in ("paypal", "fan", "smtp")}
    return os.environ | others | urls | {"COMANDA_LOCAL": str(system.state.root)}
