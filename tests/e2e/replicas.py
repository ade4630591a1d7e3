"""What stands before several replicas of an API, and what their metrics say."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import httpx

from deploy.supervisor import System


class Balancer:
    """Passes each connection on to the next backend that says it is ready, as a load balancer does."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = list(ports)
        self.ready: set[int] = set()
        self.served = Counter[int]()
        self.port = 0
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Balancer"]:
        watching = asyncio.create_task(self._watch())
        async with asyncio.timeout(60):
            while len(self.ready) < len(self.ports):
                await asyncio.sleep(0.05)
        server = await asyncio.start_server(self._passed_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            watching.cancel()
            server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _watch(self) -> None:
        async with httpx.AsyncClient(timeout=5, headers={"Connection": "close"}) as http:
            while True:
                for port in self.ports:
                    fine = False
                    with suppress(httpx.TransportError):
                        fine = (await http.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
                    (self.ready.add if fine else self.ready.discard)(port)
                await asyncio.sleep(0.5)  # so long it sends requests to one that is going

    async def _passed_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        going = [port for port in self.ports if port in self.ready] or self.ports
        self._next += 1
        port = going[self._next % len(going)]
        self.served[port] += 1
        try:
            back_reader, back_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # it has gone: whoever asks is told at once, and asks again
            writer.close()
            return
        await asyncio.gather(_pump(reader, back_writer), _pump(back_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, until it ends; then the other side's half is closed too."""
    with suppress(OSError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def metric(system: System, process: str, name: str) -> float:
    """The sum of a metric of one process."""
    async with httpx.AsyncClient(timeout=20) as http:
        text = (await http.get(f"http://127.0.0.1:{system.health[process]}/metrics")).text
    values = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return sum(values)


async def active_relays(system: System, service: str) -> list[str]:
    """The processes that hold the relay's lock."""
    relays = [name for name in system.services if name.startswith(f"{service}-relay") and system.members[name].alive]
    return [name for name in relays if await metric(system, name, "comanda_relay_active") == 1]
