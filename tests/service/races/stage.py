"""Making things happen at once: everybody runs into one lock, is counted there, and is let go together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from libs.contracts import every_contract
from libs.events.bus import Topic
from libs.events.open_bus import open_bus
from libs.service.testing import until

T = TypeVar("T")
Act = Callable[[], Awaitable[T]]


async def make_topics(url: str) -> None:
    """Every topic, on an embedded bus."""
    bus = open_bus(url)
    await bus.create_topics([Topic(kind.topic, partitions=4, compacted=kind.compacted) for kind in every_contract()])
    await bus.close()


async def rows(url: str, statement: str, *values: Any) -> list[dict[str, Any]]:
    """Straight from a database."""
    connection = await asyncpg.connect(url)
    try:
        return [dict(row) for row in await connection.fetch(statement, *values)]
    finally:
        await connection.close()


async def value(url: str, statement: str, *values: Any) -> Any:
    """The first column of the first row."""
    return next(iter((await rows(url, statement, *values))[0].values()))


async def waiting(url: str) -> int:
    """How many sessions of that database wait for a lock."""
    return int(
        await value(
            url,
            """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'""",
        )
    )


@asynccontextmanager
async def held(url: str, lock: str, *values: Any) -> AsyncIterator[None]:
    """The lock that a statement takes, until the block ends."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(lock, *values)
            yield
    finally:
        await connection.close()


async def at_once(url: str, lock: str, *values: Any, acts: Sequence[Act[T]], in_turn: bool = False) -> list[T]:
    """Start all `acts` while we hold the lock; when each of them waits for a lock (or is done), let them go.

    `in_turn`: each is started when the ones before it wait, so that they get the lock in this order. An act that
    raises ends the test.
    """
    tasks: list[asyncio.Task[T]] = []

    async def there() -> bool:
        return await waiting(url) + sum(task.done() for task in tasks) >= len(tasks)

    async with held(url, lock, *values):
        for act in acts:
            tasks.append(asyncio.create_task(_done(act)))
            if in_turn:
                await until(there, why=f"{len(tasks)} waiting")
        await until(there, why=f"{len(tasks)} waiting")
    return await asyncio.gather(*tasks)


async def _done(act: Act[T]) -> T:
    return await act()
