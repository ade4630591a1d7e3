"""What every stand-in shares: a real HTTP server on a port, in a thread for tests or alone as a program."""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, request_response

from tests.standins.book import Book, Document
from tests.standins.misbehave import TRANSPORT, Mischief, Operation, Rule, with_hang_up

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # ours speaks in the clear; reading all roots takes 20 ms
Handler = Callable[[Request], Awaitable[Response]]


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever runs us."""
        yield


class StandIn:
    """Another's server, played on a real port; ``url`` is known once started, the book whenever you ask."""

    name = "stand-in"
    hows: frozenset[str] = frozenset(TRANSPORT)

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        book: Path | None = None,
        chaos: float = 0.0,
        seed: int = 0,
        late_ms: int = 2000,
    ) -> None:
        self.host, self.port = host, port
        self.book = Book(book)
        self.mischief = Mischief(chaos=chaos, seed=seed, late_ms=late_ms)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where the protocol and the control routes are spoken."""
        return f"http://{self.host}:{self.port}"

    # What a stand-in adds of its own.

    def routes(self) -> list[BaseRoute]:
        """The routes of the protocol it plays."""
        return []

    async def open(self) -> None:
        """Start what runs beside the HTTP server."""

    async def shut(self) -> None:
        """Stop what ``open`` started."""

    def operation(self, name: str, method: str, path: str, handler: Handler) -> Route:
        """A route of the protocol: it may misbehave under this name, and is written into the book."""
        return Route(path, Operation(name, request_response(handler), self.mischief, self.book), methods=[method])

    def background(self, work: Awaitable[None]) -> None:
        """Let something go on beside the requests until the stand-in stops."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Running.

    async def run(self, ready: Callable[[], None], **tls: Any) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        with socket.create_server((self.host, self.port), backlog=1024) as listening:
            self.port = listening.getsockname()[1]
            await self.open()
            app = Starlette(routes=[*self.routes(), *self._control()])
            await self.serve(app, listening, ready, **tls)
            await self.shut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.book.close()

    async def serve(self, app: Starlette, listening: socket.socket, ready: Callable[[], None], **tls: Any) -> None:
        """One HTTP server on one socket, until told to stop."""
        config = uvicorn.Config(
            with_hang_up(app), http="h11", ws="none", lifespan="off", log_config=None, access_log=False,
            proxy_headers=False, timeout_graceful_shutdown=1, timeout_keep_alive=30, **tls,
        )  # fmt: skip
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        ready()
        await self._stop.wait()
        server.should_exit = True
        await serving

    def start(self) -> None:
        """Serve from a thread of its own; returns when requests are answered."""
        ready = threading.Event()

        def play() -> None:
            try:
                asyncio.run(self.run(ready.set))
            except BaseException as failure:  # noqa: BLE001 - told to the thread that started us
                self._failure = failure
            finally:
                ready.set()

        self._thread = threading.Thread(target=play, name=self.name, daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            raise RuntimeError(f"{self.name} did not start") from self._failure

    def halt(self) -> None:
        """Ask it to end; only from its own loop."""
        self._stop.set()

    def stop(self) -> None:
        """End the thread; the port is free afterwards."""
        if self._thread is not None and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # its loop may be closed already
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._thread = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # Telling it what to do.

    async def control(self, path: str, body: Document | None = None) -> Any:
        """POST to one of our control routes, as a program outside would; answers its JSON."""
        async with httpx.AsyncClient(base_url=self.url, timeout=30, verify=NO_TLS) as http:
            reply = await http.post(f"/_control/{path}", json=body or {})
            reply.raise_for_status()
            return reply.json()

    async def misbehave(self, operation: str, how: str, **rule: Any) -> None:
        """Let the next call (``times``) of an operation go wrong."""
        await self.control("misbehave", {"operation": operation, "how": how, **rule})

    def did(self, what: str | None = None) -> list[Document]:
        """The effects so far, of one kind."""
        return self.book.read("did", what)

    def asked(self, operation: str | None = None) -> list[Document]:
        """The requests so far, of one operation."""
        return self.book.read("asked", operation)

    def _control(self) -> list[BaseRoute]:
        return [
            Route("/_control/health", self._health),
            Route("/_control/book", self._read_book),
            Route("/_control/misbehave", self._misbehave, methods=["GET", "POST", "DELETE"]),
            Route("/_control/chaos", self._chaos, methods=["POST"]),
        ]

    async def _health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "stand_in": self.name})

    async def _read_book(self, request: Request) -> Response:
        asked = request.query_params
        entries = self.book.read(asked.get("kind"), asked.get("name"), int(asked.get("after", "0")))
        return JSONResponse({"entries": entries})

    async def _misbehave(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.mischief.rules.clear()
        if request.method == "POST":
            try:
                self.mischief.add(self._rule(await request.json()))
            except (TypeError, ValueError) as wrong:
                return JSONResponse({"message": str(wrong)}, 422)
        return JSONResponse({"standing": self.mischief.standing()})

    def _rule(self, given: Document) -> Rule:
        rule = Rule(**given)
        if rule.how not in self.hows:
            raise ValueError(f"{self.name} knows: {', '.join(sorted(self.hows))}")
        return rule

    async def _chaos(self, request: Request) -> Response:
        asked = await request.json()
        self.mischief.roll(float(asked["share"]), int(asked.get("seed", 0)))
        return JSONResponse({"share": self.mischief.chaos})


def arguments(name: str, port: int) -> ArgumentParser:
    """The command line that every stand-in understands."""
    parser = ArgumentParser(prog=f"python -m tests.standins.{name}")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=port, help="0: any free one")
    parser.add_argument("--book", type=Path, help="JSONL file; read back at the next start")
    parser.add_argument("--chaos", type=float, default=0.0, help="share of calls that go wrong at random")
    parser.add_argument("--seed", type=int, default=0, help="of the dice of --chaos")
    parser.add_argument("--late-ms", type=int, default=2000, help="how late --chaos may be at most")
    return parser


def common(options: Namespace) -> dict[str, Any]:
    """The settings of ``arguments`` as keywords of a stand-in."""
    return {name: getattr(options, name) for name in ("host", "port", "book", "chaos", "seed", "late_ms")}


def run_until_signal(stand_in: StandIn, facts: Callable[[], Document]) -> None:
    """Serve in this process until SIGTERM or SIGINT; prints one line of JSON when ready."""

    async def play() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stand_in.halt)
        await stand_in.run(lambda: print(json.dumps({"ready": stand_in.name, **facts()}), flush=True))  # noqa: T201

    asyncio.run(play())
