"""The leanest HTTP client we can have: prepared bytes over kept connections, nothing parsed but status and length."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class Answers:
    """What came back: milliseconds of each request, in the order of their ends, and how many of each status."""

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds


def request(method: str, path: str, body: bytes, **headers: str) -> bytes:
    """A request's bytes; `headers` with `_` for `-`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._read = b""
        self._length = -1
        self._status = 0
        self._waiting: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, sent: bytes) -> "asyncio.Future[int]":
        self._read, self._length = b"", -1
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(sent)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._read += data
        if self._length < 0 and (end := self._read.find(b"\r\n\r\n")) > 0:
            found = _LENGTH.search(self._read, 0, end)
            self._length = end + 4 + (int(found[1]) if found else 0)
            self._status = int(self._read[9:12])
        if 0 < self._length <= len(self._read) and self._waiting and not self._waiting.done():
            self._waiting.set_result(self._status)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(ConnectionError(f"closed by the server: {error}"))

    def close(self) -> None:
        self._transport.close()


async def send(port: int, requests: list[bytes], clients: int, rate: float = 0.0, warm: int = 0) -> Answers:
    """Send them all, by so many clients; the first `warm` are not counted.

    With a rate each has its time, and its milliseconds count from there, however late it went out.
    """
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(_Connection, "127.0.0.1", port) for _ in range(clients)]
    connections = [connection for _, connection in opened]
    await _sent(connections, requests[:warm], 0.0)
    answers = await _sent(connections, requests[warm:], rate)
    for connection in connections:
        connection.close()
    return answers


async def _sent(connections: list[_Connection], requests: list[bytes], rate: float) -> Answers:
    answers, numbered, started = Answers(), iter(enumerate(requests)), time.perf_counter()
    await asyncio.gather(*(_work(connection, numbered, answers, started, rate) for connection in connections))
    answers.seconds = time.perf_counter() - started
    return answers


async def _work(
    connection: _Connection, requests: Iterator[tuple[int, bytes]], answers: Answers, started: float, rate: float
) -> None:
    for n, sent in requests:
        begun = started + n / rate if rate else time.perf_counter()
        if (early := begun - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        answers.statuses[await connection.ask(sent)] += 1
        answers.milliseconds.append((time.perf_counter() - begun) * 1000)
