"""On Apache Kafka, while a real day is being imported, each process is killed once: nothing is lost or doubled."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from deploy.environment import free_ports
from deploy.supervisor import System
from tests.e2e.importing import a_day, command, cut, everything_holds

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1500)]
SHAPES = [pytest.param(True, id="split"), pytest.param(False, id="all")]


@pytest.mark.parametrize("split", SHAPES)
async def test_every_process_killed_once_during_an_import_loses_and_doubles_nothing(
    tmp_path: Path, split: bool
) -> None:
    file = cut(tmp_path, a_day(least=90))
    ports = free_ports()
    async with System(
        tmp_path / "state", ports=ports, bus="kafka", throwaway=True, split=split, say=lambda _: None
    ) as system:
        victims = [name for name in system.services if name in system.members]
        before = {name: system.members[name].pid for name in victims}
        importing = asyncio.create_task(command(system, "demo.month", str(file), "--patience", "300", within=900))
        await an_order_was_placed(system)
        killed_at_work = 0
        for name in victims:
            killed_at_work += not importing.done()
            system.kill(name)
            await system.ready(name)
        summary = await importing
        assert "NOT AT THEIR END" not in summary
        assert killed_at_work == len(victims), "the import was over before everybody was killed"
        assert not [name for name in victims if system.members[name].pid == before[name]]
        assert "all as predicted" in await command(system, "demo.compare", str(file), within=120)
        await everything_holds(system, 300)


async def an_order_was_placed(system: System) -> None:
    link = await asyncpg.connect(system.database_url("orders"))
    async with asyncio.timeout(120):
        while not await link.fetchval("SELECT EXISTS (SELECT FROM orders)"):
            await asyncio.sleep(0.1)
    await link.close()
