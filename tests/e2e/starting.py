"""What must be true of every installation that was started: it explains itself, and whatever is killed comes back."""

import asyncio

import asyncpg
import httpx
import pytest

from deploy.supervisor import System
from deploy.system import SERVICE_NAMES, TOPICS

EVERYWHERE = dict.fromkeys(SERVICE_NAMES, 200)


async def answers(system: System, path: str) -> dict[str, int]:
    """What each service says there."""
    async with httpx.AsyncClient(timeout=10) as http:
        return {name: (await http.get(system.url(name) + path)).status_code for name in SERVICE_NAMES}


async def everything_explains_itself(system: System) -> None:
    """Each service has its pages, and its own database and no other."""
    for path in ("/health/ready", "/docs", "/openapi.json", "/metrics"):
        assert await answers(system, path) == EVERYWHERE, path
    own = await asyncpg.connect(system.database_url("payments"))
    assert await own.fetchval("SELECT count(*) >= 0 FROM outbox")
    await own.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(system.environment.database_url("comanda_orders", "payments"))
    if system.environment.bus == "embedded":
        bus = await asyncpg.connect(system.environment.events_bus("payments"))
        assert await bus.fetchval("SELECT count(*) FROM bus_topic") == len(TOPICS)
        await bus.close()


async def whatever_is_killed_comes_back(system: System) -> None:
    """Every process and server, all at once."""
    before = {name: member.pid for name, member in system.members.items()}
    for name in system.members:
        system.kill(name)
    for name in system.members:
        await system.ready(name)
    async with asyncio.timeout(120):
        while await answers(system, "/health/ready") != EVERYWHERE:
            await asyncio.sleep(0.2)
    assert not [name for name, member in system.members.items() if member.pid == before[name]]
