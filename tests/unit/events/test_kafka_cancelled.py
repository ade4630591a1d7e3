"""The client cancels tasks of its own; only who was cancelled by somebody else is cancelled."""

import asyncio
from typing import Any

import pytest

from libs.events.bus import BusUnavailableError
from libs.events.kafka.connection import available
from libs.events.kafka.subscription import _closed


class Client:
    """As the consumer stops whose heartbeat was started just now: its task ends before it has begun."""

    def __init__(self) -> None:
        self._client: Any = self
        self.closed = False

    async def stop(self) -> None:
        heartbeat = asyncio.create_task(asyncio.sleep(60))
        heartbeat.cancel()
        await heartbeat

    async def close(self) -> None:
        self.closed = True


async def test_a_task_that_the_client_cancels_leaves_its_caller_alive() -> None:
    with pytest.raises(BusUnavailableError), available():
        await Client().stop()
    client: Any = Client()
    starting = asyncio.create_task(asyncio.sleep(0))
    await _closed(client, starting)
    assert client.closed, "connections are closed all the same"


async def test_who_is_cancelled_by_somebody_else_is_cancelled() -> None:
    async def asking() -> None:
        with available():
            await asyncio.sleep(60)

    asked = asyncio.create_task(asking())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asking()
