"""`GET /v1/orders/stream`: what happens to orders, as server-sent events that can be taken up again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from libs.service.call import Call, needs
from libs.service.problems import Invalid, TooMany, documented
from services.orders.desk.live import Event, Live, Reader

router = APIRouter(prefix="/v1", tags=["orders"])
Reads = Annotated[Call, needs("orders:read")]
Word = Annotated[str, Query(max_length=64)]
RETRY_MS = 1000
LEAVES_WITHIN = 1.0
MAX_POSITION = 2**63 - 1


class TooManyReaders(TooMany):
    """This process streams to as many readers as it is set to; come again in a moment, or to another replica."""

    slug = "too-many-readers"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events a reader wants; nothing named is everything. `follow`: also those that are still to come."""

    topics: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    follow: bool = True

    def takes(self, event: Event) -> bool:
        """Whether it wants this one."""
        return (not self.topics or event.topic in self.topics) and (not self.channels or event.channel in self.channels)


class EventStream(Response):
    """Sends what `chunks` yields, until it ends, the reader goes, or one piece waits longer than `stall` seconds."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], stall: float) -> None:
        """Nothing is sent before it is called."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.chunks = chunks
        self.stall = stall

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
            await self.chunks.aclose()  # type: ignore[attr-defined] # a generator: what it opened is closed now

    async def _send(self, send: Send) -> None:
        async for chunk in self.chunks:
            try:
                async with asyncio.timeout(self.stall):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                return  # it takes nothing any more: the connection ends, and it comes again with what it has seen
        with suppress(TimeoutError):
            async with asyncio.timeout(self.stall):
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/orders/stream",
    response_class=Response,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events, until you go."},
        **documented(Invalid, TooManyReaders),
    },
)
async def stream(
    request: Request,
    call: Reads,
    topic: Annotated[list[Word] | None, Query(max_length=50)] = None,
    channel: Annotated[list[Word] | None, Query(max_length=50)] = None,
    last_event_id: Annotated[str | None, Header(max_length=20, description="As a browser sends it again.")] = None,
    after: Annotated[str | None, Query(max_length=20, description="The same, for whoever can set no header.")] = None,
    follow: Annotated[bool, Query(description="False: end where there is nothing more for now.")] = True,  # noqa: FBT002
) -> Response:
    """Everything that happens to orders, from now on or from behind the last event that was seen.

    Each event has its position as `id`, its topic as `event`, and JSON without personal data. A comment comes while
    nothing happens. `reset`: what was missed is no longer kept; read the list again, then go on. A reader that does not
    keep up is cut off, and goes on from its last event.
    """
    live = _live(request, call)
    last = _position(last_event_id if last_event_id is not None else after)
    settings = call.context.settings
    if len(live.readers) >= settings.stream_readers:
        raise TooManyReaders(headers={"Retry-After": "5"})
    wanted = Wanted(frozenset(topic or ()), frozenset(channel or ()), follow)
    beat, stall = settings.stream_heartbeat.total_seconds(), settings.stream_stall.total_seconds()
    return EventStream(_chunks(live, wanted, last, beat, lambda: call.context.leaving), stall)


async def _chunks(
    live: Live, wanted: Wanted, last: int | None, beat: float, leaving: Callable[[], bool]
) -> AsyncIterator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    async with live.reader() as reader:
        if last is not None:
            head, oldest = await live.edges()
            if last > head or last + 1 < oldest:
                yield f'event: reset\nid: {head}\ndata: {{"position": {head}}}\n\n'.encode()
                last = head
            async for event in _missed(live, last, reader.since):
                if wanted.takes(event):
                    yield _said(event)
        async for came in _coming(reader, beat, leaving if wanted.follow else lambda: True):
            if came is None:
                yield b": nothing new\n\n"
            elif wanted.takes(came) and came.position > (last or 0):
                yield _said(came)


async def _missed(live: Live, last: int, until: int) -> AsyncIterator[Event]:
    """What is behind `last` and not behind `until`, where the reader began to watch."""
    while last < until:
        found = [event for event in await live.after(last) if event.position <= until]
        if not found:
            return
        for event in found:
            yield event
        last = found[-1].position


async def _coming(reader: Reader, beat: float, leaving: Callable[[], bool]) -> AsyncIterator[Event | None]:
    """What comes, or None where for `beat` seconds nothing did; ends when the reader is lost or the process leaves."""
    quiet = 0.0
    while not leaving() and not (reader.lost and reader.queue.empty()):
        patience = min(beat - quiet, LEAVES_WITHIN)
        try:
            async with asyncio.timeout(patience):
                event = await reader.queue.get()
        except TimeoutError:
            quiet += patience
            if quiet >= beat:
                quiet = 0.0
                yield None
        else:
            quiet = 0.0
            yield event


def _said(event: Event) -> bytes:
    return f"id: {event.position}\nevent: {event.topic}\ndata: {event.text}\n\n".encode()


def _live(request: Request, call: Call) -> Live:
    """The one of this process."""
    state: Any = request.app.state
    if getattr(state, "live", None) is None:
        state.live = Live(call.context.uow, call.context.settings.stream_every.total_seconds())
    found: Live = state.live
    return found


def _position(text: str | None) -> int | None:
    if text is None or not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_POSITION):
        raise Invalid("this is no event of this stream", field="Last-Event-ID")
    return int(text)
