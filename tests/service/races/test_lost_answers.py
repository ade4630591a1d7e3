"""A crash between commit and answer, then the same key: the order is there once, and its first answer is given."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from deploy.ports import free_port
from libs.service.idempotency import REPLAYED
from libs.service.testing import ServiceClient, credentials, running, until
from services.orders.__main__ import service
from tests.service.races.stage import rows, value
from tests.service.races.wire import wired
from tests.unit.orders.said import submitted

COMMAND = b"INSERT INTO orders"
KEY = {"Idempotency-Key": "once"}


@asynccontextmanager
async def orders_process(url: str, bus_url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The API of orders in a process of its own."""
    port = free_port()
    env = {
        "COMANDA_MODE": "development",
        "ORDERS_DATABASE_URL": url,
        "ORDERS_PORT": str(port),
        "ORDERS_LAME_DUCK": "PT0S",
        "EVENTS_BUS": bus_url,
        "AUTH_DEVELOPMENT_KEYS": json.dumps({"manager": "development-manager"}),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.orders", "api", env=os.environ | env)
    try:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, headers=credentials("manager"), timeout=60) as client:

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
        await process.wait()


async def placed_once(url: str, again: httpx.Response) -> None:
    """The answer is the first one, and there is one order that was told once."""
    assert (again.status_code, again.headers.get(REPLAYED)) == (201, "true")
    (order,) = await rows(url, "SELECT id, number FROM orders")
    assert (again.json()["id"], again.json()["number"]) == (str(order["id"]), order["number"])
    assert await value(url, "SELECT count(*) FROM outbox WHERE type = 'order.created'") == 1


async def test_part_b9_a_process_killed_between_commit_and_answer_placed_the_order_once(
    orders: ServiceClient, orders_url: str, bus_url: str
) -> None:
    """The process is killed when the database has committed and before it hears of it; another one gets the same key.

    Guard: `idempotency.finish` within the command's own transaction (`Call.uow`). Without `begin` there are two
    orders, and with the answer stored in a transaction of its own the second call never gets one.
    """
    order = submitted(external_id=None)
    async with wired(orders_url) as wire, orders_process(wire.url, bus_url) as (process, client):
        wire.after_commit_of(COMMAND, lambda: os.kill(process.pid, signal.SIGKILL))
        with pytest.raises(httpx.TransportError):
            await client.post("/v1/orders", json=order, headers=KEY)
        assert wire.happened.is_set(), "it was killed in that window"
        assert await asyncio.wait_for(process.wait(), 30) == -signal.SIGKILL
    assert await value(orders_url, "SELECT count(*) FROM orders") == 1
    async with orders_process(orders_url, bus_url) as (_, client):
        await placed_once(orders_url, await client.post("/v1/orders", json=order, headers=KEY))


async def test_part_b9_a_connection_cut_exactly_after_the_commit_placed_the_order_once(
    orders: ServiceClient, orders_url: str, bus_url: str
) -> None:
    """The caller is told of an error, for nobody knows, and the same key tells them. The same guard."""
    async with wired(orders_url) as wire, running(service, wire.url, bus_url, parts=("api",)) as api:
        order = submitted(external_id=None)
        wire.after_commit_of(COMMAND, wire.cut)
        lost = await api.post("/v1/orders", json=order, headers=KEY)
        assert wire.happened.is_set()
        assert lost.status_code >= 500
        await placed_once(orders_url, await api.post("/v1/orders", json=order, headers=KEY))
