"""One database, opened as transactions that can emit: the effect and the facts that follow from it commit together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from libs.events import outbox
from libs.events.connection import SESSION, Connection
from libs.events.contract import Event
from libs.events.envelope import Envelope


def new_id() -> UUID:
    """A UUIDv7: unique, and sorted by the time it was made."""
    return uuid_utils.uuid7()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens: who acts, and which chain of facts led here.

    `actor` is `user:<id>`, `key:<id>`, `rule:<id>`, `customer:<id>` or `system:<service>`. `depth` counts rules.
    `traceparent` is the span it happens in, where that is another than the current one.
    """

    actor: str
    correlation_id: UUID = field(default_factory=new_id)
    causation_id: UUID | None = None
    depth: int = 0
    traceparent: str | None = None

    def because_of(self, fact: UUID) -> "Cause":
        """The cause of what follows from `fact`."""
        return replace(self, causation_id=fact)


class Transaction:
    """An open transaction. It has no commit: whoever opened it commits, by leaving the block without an error.

    `sql` is the asyncpg connection it runs on, for statements of our own; `session` is SQLAlchemy's, on the same
    connection and inside the same transaction, for desk commands.
    """

    def __init__(self, service: str, connection: AsyncConnection, sql: "asyncpg.Connection[Any]", cause: Cause) -> None:
        """Only `UnitOfWork` makes one."""
        self.service = service
        self.cause = cause
        self.sql = sql
        self.fact: Envelope | None = None  # the fact being handled, inside a consumer
        self.emitted = 0
        self._connection = connection
        self._session: AsyncSession | None = None
        self._after_commit: list[Callable[[], None]] = []

    @property
    def session(self) -> AsyncSession:
        """SQLAlchemy's session on this very transaction; flushed before the commit."""
        if self._session is None:
            self._session = AsyncSession(self._connection, expire_on_commit=False)
        return self._session

    async def emit(self, aggregate: outbox.Aggregate, *events: Event) -> list[UUID]:
        """Write these facts of one aggregate into the outbox, numbered after its earlier ones; see `emit_all`."""
        return await self.emit_all([(aggregate, event) for event in events])

    async def emit_all(
        self, facts: Sequence[tuple[outbox.Aggregate, Event]], causes: Sequence[Cause] = ()
    ) -> list[UUID]:
        """Write facts of many aggregates of one table into the outbox, in one statement, in the order given; their ids.

        `causes`: one for each fact, where they differ; else all happen because of `tx.cause`. The aggregates' rows
        exist (what the session holds is flushed first) and stay locked until the commit.
        FactTooLargeError above 900 kB; UnknownAggregateError when a row is not there.
        """
        if not facts:
            return []
        await self.flush()
        ids = await outbox.write(self.sql, self.service, facts, causes or [self.cause] * len(facts))
        self.emitted += len(facts)
        return ids

    async def flush(self) -> None:
        """Send what the session holds to the database."""
        if self._session is not None:
            await self._session.flush()

    @contextmanager
    def acting(self, cause: Cause) -> Iterator[None]:
        """Let what is emitted inside the block be because of `cause`."""
        before, self.cause = self.cause, cause
        try:
            yield
        finally:
            self.cause = before

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once the commit is certain: to wake a loop, never to do work."""
        self._after_commit.append(call)

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _committed(self) -> None:
        for call in self._after_commit:
            call()


class Look(Transaction):
    """Statements that only read, each of them a transaction by itself: it emits nothing, and locks last no longer."""

    async def emit_all(
        self, facts: Sequence[tuple[outbox.Aggregate, Event]], _causes: Sequence[Cause] = ()
    ) -> list[UUID]:
        """Refused: there is no transaction to emit in."""
        raise RuntimeError(f"a look emits nothing, neither {', '.join(event.topic for _, event in facts)}")


class UnitOfWork:
    """One service's database. `async with uow(cause) as tx:` is one transaction, begun when the block opens."""

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        """`engine` runs in AUTOCOMMIT (`open` sees to it): BEGIN and COMMIT are sent here, on the raw connection."""
        self.engine = engine
        self.service = service
        self.on_emitted: Callable[[], None] = lambda: None  # called after a commit that emitted: wakes the relay

    @classmethod
    def open(cls, url: str, service: str, *, pool_size: int = 16) -> Self:
        """A pool for `postgresql://...`; connects at first use."""
        engine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=30,
            pool_use_lifo=True,  # few connections that know their statements, not many that have forgotten them
            connect_args={
                "connection_class": Connection,
                "server_settings": SESSION | {"application_name": f"comanda-{service}"},
            },
        )
        return cls(engine, service)

    @asynccontextmanager
    async def __call__(self, cause: Cause) -> AsyncIterator[Transaction]:
        """Commit when the block ends, roll back when it raises; a failing commit raises too."""
        async with self.engine.connect() as connection:
            raw = await _open(connection)
            begun = raw.transaction()
            tx = Transaction(self.service, connection, raw, cause)
            try:
                await begun.start()
                yield tx
                await tx.flush()
                await begun.commit()
            except BaseException:
                await _undo(begun, raw, connection)
                raise
            finally:
                await tx._close()  # noqa: SLF001 - the two classes are one thing
        tx._committed()  # noqa: SLF001
        if tx.emitted:
            self.on_emitted()

    @asynccontextmanager
    async def look(self, cause: Cause) -> AsyncIterator[Look]:
        """For a block that reads: without BEGIN and COMMIT, a third of the way where one statement is all there is.

        Two statements may see two instants, as they may inside a transaction that has not asked for one view.
        """
        async with self.engine.connect() as connection:
            tx = Look(self.service, connection, await _open(connection), cause)
            try:
                yield tx
            finally:
                await tx._close()  # noqa: SLF001 - the two classes are one thing

    async def fetch(self, statement: str, *arguments: Any) -> "list[asyncpg.Record]":
        """The rows of one statement that is a transaction by itself: without BEGIN and COMMIT, a third of the way."""
        async with self.engine.connect() as connection:
            raw = await _open(connection)
            rows: list[asyncpg.Record] = await raw.fetch(statement, *arguments)
            return rows

    async def close(self) -> None:
        """Close every connection of the pool."""
        await self.engine.dispose()


async def _open(connection: AsyncConnection) -> "asyncpg.Connection[Any]":
    """The driver's connection; one that the server has closed while it lay in the pool is replaced, with all others."""
    raw = (await connection.get_raw_connection()).driver_connection
    if isinstance(raw, asyncpg.Connection) and raw.is_closed():
        await connection.invalidate()
        raw = (await connection.get_raw_connection()).driver_connection
    assert isinstance(raw, asyncpg.Connection)  # noqa: S101 - `open` chose the driver
    return raw


async def _undo(begun: Any, raw: "asyncpg.Connection[Any]", connection: AsyncConnection) -> None:
    """Roll back; a connection that has nothing to roll back, or cannot, is thrown away: who knows what it is doing."""
    try:
        if not raw.is_in_transaction():
            await connection.invalidate()
        else:
            await asyncio.shield(_rolled_back(begun))
    except BaseException:  # noqa: BLE001 - the first error is the one to report; this connection is not used again
        await connection.invalidate()


async def _rolled_back(begun: Any) -> None:
    async with asyncio.timeout(5):  # `wait_for` of Python 3.11 can swallow a cancellation
        await begun.rollback()
