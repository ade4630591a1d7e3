"""What a process has in hand when it is told to stop is finished, and the next one goes on at once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg
import httpx
import pytest

from deploy.ports import free_port
from libs.contracts.orders import KeyChanged
from libs.events.bus import Outgoing
from libs.events.open_bus import open_bus
from libs.events.testing import record_of
from libs.events.transaction import UnitOfWork, new_id
from libs.service.loops import run_loops
from libs.service.outside import Row
from libs.service.testing import PATIENCE, running, until
from tests.service.kit.sample.service import sample
from tests.service.kit.test_outside_calls import Outside, calls_of, given_errands, row_of
from tests.service.kit.test_process import WAITING, ended, environment, served, start


def key_changed() -> KeyChanged:
    return KeyChanged(id=new_id(), version=1, name="till", prefix="t", secret_hash="0", role="operator", scopes=())


async def test_a_worker_told_to_stop_finishes_its_record_and_its_successor_does_not_take_it_again(
    sample_url: str, bus_url: str
) -> None:
    bus, link, holder = open_bus(bus_url), await asyncpg.connect(sample_url), await asyncpg.connect(sample_url)
    async with served(sample_url, bus_url, "worker") as (process, _):
        held = holder.transaction()
        await held.start()
        await holder.execute("LOCK TABLE known_key")
        record = record_of(key_changed(), noun="key")
        await bus.publish([Outgoing(record.topic, record.key, record.value, record.headers)])
        await until(lambda: link.fetchval(WAITING))
        process.send_signal(signal.SIGTERM)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), 1)
        await held.rollback()
        code, log = await ended(process)
    assert code == 0, log
    assert await link.fetchval("SELECT count(*) FROM known_key") == 1
    assert await link.fetchval("SELECT count(*) FROM inbox") == 1
    assert sum((await bus.lag("sample")).values()) == 0, "the offset was not committed"
    for each in (bus, link, holder):
        await each.close()


_ENDED_BY_FORCE = """
SELECT sessions_abandoned + sessions_fatal + sessions_killed FROM pg_stat_database WHERE datname = current_database()
"""


async def test_a_relay_told_to_stop_hands_over_by_itself(sample_url: str, bus_url: str) -> None:
    """It lets its lock go: neither does the server end its session, nor is it found dead."""
    async with AsyncExitStack() as stack:
        ports, processes = [], []
        for _ in range(2):
            ports.append(free_port())
            processes.append(await stack.enter_async_context(a_relay(sample_url, bus_url, ports[-1])))
            await until(lambda: active(ports))
        (working,) = await until(lambda: active(ports))
        leaving = processes[ports.index(working)]
        leaving.send_signal(signal.SIGTERM)
        assert len(await until(lambda: others(ports, working))) == 1
        async with asyncio.timeout(PATIENCE):
            assert await leaving.wait() == 0
        link = await asyncpg.connect(sample_url)
        assert await link.fetchval(_ENDED_BY_FORCE) == 0
        async with running(sample, sample_url, bus_url, parts=("api",)) as api:
            assert (await api.post("/v1/mugs", json={"name": "blue"})).status_code == 201
        await until(lambda: link.fetchval("SELECT count(*) = 1 FROM outbox_sent"))
        await link.close()


@asynccontextmanager
async def a_relay(sample_url: str, bus_url: str, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await start("relay", environment(sample_url, bus_url, port))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def active(ports: list[int]) -> list[int]:
    """Of these processes, those that say that they relay."""
    found = []
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        for port in ports:
            try:
                text = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            except httpx.TransportError:
                continue
            if 'comanda_relay_active{service="sample"} 1.0' in text:
                found.append(port)
    return found


async def others(ports: list[int], former: int) -> list[int]:
    return [port for port in await active(ports) if port != former]


async def test_a_call_that_was_claimed_is_finished_and_recorded_before_the_loops_end(sample_url: str) -> None:
    uow, other_side, answer, stop = UnitOfWork.open(sample_url, "sample"), Outside(), asyncio.Event(), asyncio.Event()

    async def wait(_: Row) -> None:
        await answer.wait()

    other_side.on_call = wait
    errands = await given_errands(uow, 3)
    calls = calls_of(uow, other_side, every=timedelta(milliseconds=20), concurrency=2)
    loops = asyncio.create_task(run_loops(calls.loops(), stop))
    await until(lambda: len(other_side.called) == 2)
    stop.set()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(loops), 0.5)
    answer.set()
    await asyncio.wait_for(loops, PATIENCE)
    assert {(await row_of(uow, errand))["call_state"] for errand in errands} == {"succeeded"}
    assert set(other_side.called.values()) == {1}
    await uow.close()
