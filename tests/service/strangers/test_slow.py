"""Bodies that trickle, over a real socket: cut off by a time limit, and nothing written."""

import asyncio
import contextlib
import time
from urllib.parse import urlsplit

import pytest

from tests.service.strangers.door import Door, Operation, bearer, token
from tests.sockets import on_a_socket

LIMIT = 1.0  # what the doors here are told
LATE = 30.0


async def trickle(host: str, port: int, operation: Operation, *, chunked: bool) -> tuple[bytes, float]:
    """Send a body a byte every tenth of a second for ever: what came back, and after how long."""
    reader, writer = await asyncio.open_connection(host, port)
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 100000"
    head = [f"{operation.method.upper()} {operation.url()} HTTP/1.1", f"Host: {host}", "Content-Type: application/json"]
    head += [f"Authorization: {bearer(token())['Authorization']}", "Idempotency-Key: slow-1", length]
    started = time.monotonic()
    writer.write("\r\n".join([*head, "", ""]).encode())

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"1\r\n \r\n" if chunked else b" ")
                await writer.drain()
                await asyncio.sleep(0.1)

    dripping = asyncio.create_task(drip())
    answer = b""
    try:
        async with asyncio.timeout(LATE):  # until the other side closes
            while part := await reader.read(65536):
                answer += part
    except (ConnectionError, TimeoutError):
        pass  # what came so far says it
    finally:
        dripping.cancel()
        writer.close()
    return answer, time.monotonic() - started


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
async def test_a_body_that_trickles_is_cut_off_everywhere_and_nothing_is_written(door: Door, *, chunked: bool) -> None:
    before = await door.kept()
    async with on_a_socket(door.api.app) as url:
        address = urlsplit(url)
        operations = [each for each in door.operations(mutating=True) if each.guarded or each.body]
        found = await asyncio.gather(
            *(trickle(str(address.hostname), int(address.port or 0), each, chunked=chunked) for each in operations)
        )
    for operation, (answer, seconds) in zip(operations, found, strict=True):
        where = f"{operation.method} {operation.path}: {answer[:300]!r} after {seconds:.1f} s"
        assert answer.startswith(b"HTTP/1.1 408 "), where
        assert b"/problems/too-slow" in answer, where
        assert b"\r\nconnection: close\r\n" in answer, where
        assert seconds < LATE, where
    assert await door.kept() == before
