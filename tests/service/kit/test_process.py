"""A service as a process: what starts, what does not, and how it stops."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from deploy.ports import free_port
from libs.service.testing import PATIENCE, credentials, until
from tests.databases import Databases
from tests.service.kit.conftest import make_topics

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
"""How many of this test's sessions wait for a lock: other tests' databases are on the same server."""


def environment(database_url: str, bus_url: str, port: int, **other: str) -> dict[str, str]:
    return os.environ | {
        "COMANDA_MODE": "development",
        "SAMPLE_DATABASE_URL": database_url,
        "SAMPLE_PORT": str(port),
        "SAMPLE_LAME_DUCK": "PT0S",
        "EVENTS_BUS": bus_url,
        "AUTH_DEVELOPMENT_KEYS": json.dumps({"manager": "development-manager"}),
        **other,
    }


async def start(part: str, env: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.service.kit.sample", part, env=env, stderr=asyncio.subprocess.PIPE
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    _, stderr = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, stderr.decode()


@asynccontextmanager
async def served(
    database_url: str, bus_url: str, part: str = "all"
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    port = free_port()
    process = await start(part, environment(database_url, bus_url, port))
    try:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, headers=credentials("manager"), timeout=PATIENCE) as client:

            async def ready() -> bool:
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
            yield process, client
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.mark.parametrize("part", ["worker", "relay"])
async def test_a_process_without_an_api_tells_its_health_and_metrics_and_nothing_else(
    sample_url: str, bus_url: str, part: str
) -> None:
    async with served(sample_url, bus_url, part) as (process, client):
        assert (await client.get("/health/live")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert "comanda_relay_active" in metrics
        assert (await client.get("/v1/mugs")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 404
        process.send_signal(signal.SIGTERM)
        code, log = await ended(process)
    assert code == 0, log


async def test_a_process_serves_works_and_relays_then_stops_in_order(sample_url: str, bus_url: str) -> None:
    async with served(sample_url, bus_url) as (process, client):
        assert (await client.post("/v1/mugs", json={"name": "blue"})).status_code == 201
        database = await asyncpg.connect(sample_url)
        await until(lambda: database.fetchval("SELECT count(*) FROM outbox_sent"))
        await database.close()
        process.send_signal(signal.SIGTERM)
        code, log = await ended(process)
    assert code == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    assert {line["event"] for line in lines} >= {"starting", "request", "stopped"}
    assert all(line["service"] == "sample" and line["timestamp"] for line in lines)
    (request,) = [line for line in lines if line["event"] == "request" and line["method"] == "POST"]
    assert (request["route"], request["status"]) == ("/v1/mugs", 201)
    assert request["correlation_id"]


async def test_a_request_in_hand_is_answered_before_the_process_stops(sample_url: str, bus_url: str) -> None:
    async with served(sample_url, bus_url) as (process, client):
        database = await asyncpg.connect(sample_url)
        lock = database.transaction()
        await lock.start()
        await database.execute("LOCK TABLE mug")
        call = asyncio.create_task(client.post("/v1/mugs", json={"name": "blue"}))
        await until(lambda: database.fetchval(WAITING))
        process.send_signal(signal.SIGTERM)
        await until(lambda: _refuses(client))
        assert process.returncode is None
        await lock.rollback()
        await database.close()
        assert (await call).status_code == 201
        code, log = await ended(process)
    assert code == 0, log


async def _refuses(client: httpx.AsyncClient) -> bool:
    try:
        async with httpx.AsyncClient(base_url=client.base_url) as other:
            await other.get("/health/live")
    except httpx.TransportError:
        return True
    return False


async def test_settings_that_are_wrong_stop_it_at_once_and_are_named(sample_url: str, bus_url: str) -> None:
    env = environment(sample_url, bus_url, 0, COMANDA_MODE="production", SAMPLE_PROT="1")
    code, log = await ended(await start("all", env))
    assert code == 2
    assert "SAMPLE_PROT: unknown setting" in log
    assert "AUTH_DEVELOPMENT_KEYS" in log
    assert "Traceback" not in log


async def test_a_taken_port_ends_the_process_with_an_error(sample_url: str, bus_url: str) -> None:
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    code, log = await ended(await start("all", environment(sample_url, bus_url, port)))
    taken.close()
    assert code == 1
    assert f"port {port}" in log


async def test_migrate_brings_an_empty_database_up_and_may_run_twice_at_once(database: Databases, bus_url: str) -> None:
    url = await database("empty")
    env = environment(url, bus_url, 0)
    outcomes = await asyncio.gather(*[ended(await start("migrate", env)) for _ in range(3)])
    assert [code for code, _ in outcomes] == [0, 0, 0], outcomes
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM mug") == 0
    await connection.close()


async def test_a_database_that_has_used_another_bus_does_not_start(
    sample_url: str, bus_url: str, database: Databases
) -> None:
    async with served(sample_url, bus_url) as (process, _):
        remembered = await asyncpg.connect(sample_url)
        await until(lambda: remembered.fetchval("SELECT count(*) FROM bus_in_use"))
        await remembered.close()
        process.send_signal(signal.SIGTERM)
        assert (await ended(process))[0] == 0
    other = await database("otherbus", make_topics)
    code, log = await ended(await start("all", environment(sample_url, other, free_port())))
    assert code == 1
    assert "has used the bus" in log
