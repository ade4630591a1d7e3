"""Connections of the embedded log: made when needed, made again after the server was away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from libs.events.bus import BusUnavailableError
from libs.events.bus_settings import BusSettings
from libs.events.connection import SESSION, Connection

UNREACHABLE = (
    OSError,  # with TimeoutError
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that breaks just as it is taken: "another operation is in progress"
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
)
"""What passes by itself, or by starting the server, or by creating the topics."""


class Connections:
    """A small pool, and single connections for those who listen."""

    def __init__(self, url: str, settings: BusSettings) -> None:
        """Nothing is connected before first use."""
        self._url = url
        self._settings = settings
        self._pool: asyncpg.Pool[Any] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A connection of the pool; BusUnavailableError when the server is away, also from within the block."""
        with available():
            pool = await self._opened()
            async with pool.acquire(timeout=self._settings.request_timeout) as connection:
                yield connection

    @asynccontextmanager
    async def alone(self) -> AsyncIterator["asyncpg.Connection[Any]"]:
        """A connection of one's own, closed at the end."""
        with available():
            connection = await asyncpg.connect(self._url, **self._how())
            try:
                yield connection
            finally:
                connection.terminate()  # at once, also when the server does not answer any more

    async def close(self) -> None:
        """Let go of every connection, in bounded time."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except UNREACHABLE:
            pool.terminate()

    async def _opened(self) -> "asyncpg.Pool[Any]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url, min_size=0, max_size=self._settings.pool_size, reset=_nothing_to_reset, **self._how()
                )
        return self._pool

    def _how(self) -> dict[str, Any]:
        return {
            "connection_class": Connection,
            "timeout": self._settings.request_timeout,
            "command_timeout": self._settings.request_timeout,
            "server_settings": SESSION | {"application_name": f"{self._settings.client_id}-bus"},
        } | ({"password": self._settings.password} if self._settings.password else {})


@contextmanager
def available() -> Iterator[None]:
    """Say BusUnavailableError for what passes by itself."""
    try:
        yield
    except UNREACHABLE as error:
        raise BusUnavailableError(f"the log's database: {type(error).__name__}: {error}") from error


async def _nothing_to_reset(_: "asyncpg.Connection[Any]") -> None:
    """Sessions carry no state of ours, so the round trip that would clear it is saved."""
