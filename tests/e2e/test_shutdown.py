"""Stopping an API in an ordered way loses no request: each is answered, or was never begun."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from deploy.environment import free_ports
from deploy.supervisor import System
from libs.service.testing import until
from tests.e2e.replicas import Balancer

pytestmark = pytest.mark.timeout(400)
CLIENTS = 8


@dataclass
class Load:
    """Clients that send one command after another until `stop`, each on its own kept connection."""

    url: str
    key: str
    answered: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Any = field(default_factory=lambda: count(1))
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> "Load":
        self.tasks = [asyncio.create_task(self._client()) for _ in range(CLIENTS)]
        return self

    async def has_had(self, more: int) -> None:
        """Until so many more were answered."""
        wanted = len(self.answered) + more
        async with asyncio.timeout(60):
            while len(self.answered) < wanted:
                await asyncio.sleep(0.01)

    async def has_lost_one(self) -> None:
        """Until somebody knocked at a closed port."""
        await until(lambda: self.lost)

    async def end(self) -> None:
        self.stop.set()
        await asyncio.gather(*self.tasks)

    async def _client(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=30) as http:
            while not self.stop.is_set():
                code = f"s{next(self.numbers)}"
                body = {"code": code, "name": "A shop", "series": code.upper()}
                headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": code}
                try:
                    answer = await http.post("/v1/sellers", json=body, headers=headers)
                except httpx.TransportError as error:
                    self.lost.append(f"{code} {type(error).__name__}: {error}")
                    if isinstance(error, httpx.ConnectError):
                        await asyncio.sleep(0.02)
                else:
                    (self.answered if answer.status_code == 201 else self.other).append(code)


def installation(root: Path, lame_duck: str, apis: int) -> System:
    return System(
        root / "state",
        ports=free_ports(),
        services=("orders",),
        stand_ins=False,
        throwaway=True,
        restarts=False,
        replicas={"api": apis, "worker": 0, "relay": 0},
        env={"ORDERS_LAME_DUCK": lame_duck},
        say=lambda _: None,
    )


async def written(system: System) -> Counter[str]:
    link = await asyncpg.connect(system.database_url("orders"))
    found = Counter(row["code"] for row in await link.fetch("SELECT code FROM seller WHERE code ~ '^s[0-9]+$'"))
    await link.close()
    return found


async def test_a_rolling_restart_under_load_loses_no_request_and_no_client_sees_it(tmp_path: Path) -> None:
    """The API says first that it is not ready, and closes its port only when the balancer has had time to see that.

    So much time that a machine that stands still for seconds takes none of it away.

    The guard: the lame duck, without which requests on their way meet a closed port.
    """
    async with installation(tmp_path, "PT5S", apis=2) as system:
        ports = [system.health["orders-api"], system.health["orders-api-2"]]
        async with Balancer(ports).running() as door:
            load = Load(door.url, system.keys["manager"]).start()
            await load.has_had(100)
            for name in ("orders-api", "orders-api-2"):
                stopping = asyncio.create_task(asyncio.to_thread(system.services[name].stop, 30))
                await load.has_had(50)
                assert await stopping, "it was killed because it did not stop"
                assert system.services[name].returncode == 0
                await load.has_had(50)
                await system.restart(name)
            await load.has_had(100)
            await load.end()
        assert load.lost == []
        assert load.other == []
        assert await written(system) == Counter(load.answered)
        assert set(door.served) == set(ports)


@pytest.mark.slow
async def test_without_a_balancer_what_was_not_answered_was_never_begun(tmp_path: Path) -> None:
    """Even where everybody keeps knocking until the port is closed, nobody is left with an unknown outcome."""
    async with installation(tmp_path, "PT0S", apis=1) as system:
        answered: Counter[str] = Counter()
        for _ in range(3):
            load = Load(system.url("orders"), system.keys["manager"])
            load.numbers = count(1 + len(await written(system)) * 10)
            load.start()
            await load.has_had(60)
            assert await asyncio.to_thread(system.services["orders-api"].stop, 30)
            assert system.services["orders-api"].returncode == 0
            await load.has_lost_one()
            await load.end()
            assert load.other == []
            answered += Counter(load.answered)
            assert await written(system) == answered
            await system.restart("orders-api")
