"""A wire between a program and its PostgreSQL that can be cut, or go silent, at an exact moment."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

COMMITTED = b"COMMIT\0"


class Wire:
    """Passes bytes both ways until it is told otherwise."""

    def __init__(self, url: str) -> None:
        """To the server that `url` names."""
        parts = urlsplit(url)
        self._server = (str(parts.hostname), int(parts.port or 5432))
        self._url = url
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._watched: bytes | None = None
        self._then: Callable[[], None] = lambda: None
        self.happened = asyncio.Event()

    def after_commit_of(self, statement: bytes, then: Callable[[], None]) -> None:
        """Once: when a transaction that sent this statement is committed, call `then`; its answer gets lost."""
        self._watched, self._then = statement, then

    def fall_silent(self) -> None:
        """Pass nothing any more, and let nobody know."""
        self._open.clear()

    def refuse(self) -> None:
        """End every connection, and let no new one through."""
        self._refusing = True
        self.cut()

    def let_in(self) -> None:
        """New connections are let through again."""
        self._refusing = False

    def cut(self) -> None:
        """End every connection, as it is."""
        for writer in self._writers:
            writer.transport.abort()
        self._open.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection(*self._server)
        self._writers |= {writer, server_writer}
        seen = asyncio.Event()
        ways = [
            asyncio.create_task(self._upwards(reader, server_writer, seen)),
            asyncio.create_task(self._downwards(server_reader, writer, seen)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for each in (writer, server_writer):
            self._writers.discard(each)
            each.transport.abort()

    async def _upwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: asyncio.Event) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            if self._watched and self._watched in data:
                seen.set()
            writer.write(data)
            await writer.drain()

    async def _downwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: asyncio.Event) -> None:
        while data := await reader.read(65536):
            await self._open.wait()
            if seen.is_set() and COMMITTED in data:
                self._watched = None
                self._then()
                self.happened.set()
                break
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    """A wire to a database: `wire.url` leads through it."""
    wire = Wire(url)
    server = await asyncio.start_server(wire._connected, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    wire.url = urlsplit(url)._replace(netloc=f"{urlsplit(url).username}@{host}:{port}").geturl()
    try:
        yield wire
    finally:
        server.close()
        wire.cut()
        await server.wait_closed()
