"""The live stream: everything that happens to orders, once, in order, taken up again after any interruption."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import ServiceClient, credentials, running, until
from services.orders.__main__ import service
from services.orders.desk.live import Event, Live, Reader
from tests.service.orders.stage import hear, open_shop, placed
from tests.sockets import on_a_socket
from tests.telltale import telltales
from tests.unit.orders.said import Said

PERSONAL = ("Ana", "Pop", "ana@", "xample.ro", "712", "345", "Înfrățirii", "Cluj", "400001")
FOLDED = ("ana pop", "ana@", "example.ro", "înfrățirii", "cluj")  # as words are kept to be searched


@dataclass
class Watcher:
    """Somebody who reads the stream; `events` as they came, `beats` how many signs of life."""

    events: list[dict[str, Any]]
    beats: int = 0

    @property
    def last(self) -> str:
        return str(self.events[-1]["id"])

    def topics(self, order: dict[str, Any]) -> list[str]:
        return [event["event"] for event in self.events if event["data"]["order"]["id"] == order["id"]]


@asynccontextmanager
async def watching(url: str, query: str = "", **headers: str) -> AsyncIterator[Watcher]:
    """Watch until the block ends."""
    watcher = Watcher([])
    started = asyncio.Event()

    async def read() -> None:
        async with (
            httpx.AsyncClient(timeout=60) as client,
            client.stream("GET", f"{url}/v1/orders/stream{query}", headers=credentials("manager") | headers) as answer,
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            fields: dict[str, Any] = {}
            async for line in answer.aiter_lines():
                started.set()
                if line.startswith(":"):
                    watcher.beats += 1
                elif line:
                    name, value = line.split(": ", 1)
                    fields[name] = json.loads(value) if name == "data" else value
                elif "data" in fields:
                    watcher.events.append(fields)
                    fields = {}

    task = asyncio.create_task(read())
    await until(lambda: started.is_set() or task.done())
    yield watcher
    if not task.done():
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def shop(orders_url: str, bus_url: str) -> AsyncIterator[tuple[ServiceClient, str]]:
    """Orders with its relay, and the address where it can be watched."""
    fast: dict[str, Any] = {"stream_every": 0.02, "stream_heartbeat": 0.2, "stream_stall": 1.0, "stream_readers": 3}
    async with running(service, orders_url, bus_url, parts=("api", "relay"), **fast) as api:
        await open_shop(api)
        async with on_a_socket(api.app) as url:
            yield api, url
            api.context.leaving = True  # as a process that is told to stop: nobody is kept waiting


async def test_b14_what_happens_is_told_live_and_taken_up_again_where_it_was_left(
    shop: tuple[ServiceClient, str],
) -> None:
    api, url = shop
    before = await placed(api)
    await until(lambda: sent(api.context.uow), why="the relay sent it: from now on is behind it")
    async with watching(url) as watcher:
        await until(lambda: watcher.beats)  # it watches, and nothing is new
        order = await placed(api, external_id="live")
        await hear(api, Said(order).stock("reserved"))
        await until(lambda: watcher.topics(order) == ["order.created", "order.reserved"])
        assert watcher.topics(before) == []
        told = watcher.events[-1]["data"]
        assert (told["order"]["number"], told["order"]["stock"], told["topic"]) == (
            *(order["number"], "reserved"),
            "order.reserved",
        )
        everything = json.dumps(watcher.events, ensure_ascii=False)
        assert telltales(everything, PERSONAL) == []
        assert telltales(everything.lower(), FOLDED) == []
    await hear(api, Said(order).money("received"))  # while nobody watches
    async with watching(url, **{"Last-Event-ID": watcher.last}) as again:
        await until(lambda: "order.confirmed" in again.topics(order))
        late = await placed(api, external_id="late")
        await until(lambda: again.topics(late) == ["order.created"])
    seen = [event["id"] for event in (*watcher.events, *again.events)]
    assert seen == sorted(set(seen), key=int), "each once, in order"
    async with watching(url, f"?after={watcher.last}&topic=order.paid&channel=web") as some:
        await until(lambda: some.beats)
        assert {event["event"] for event in some.events} == {"order.paid"}
    async with watching(url, "?after=0&channel=emag") as none:
        await until(lambda: none.beats)
        assert none.events == []


async def test_part_b14_who_left_too_long_ago_or_saw_what_is_not_there_is_told_to_read_anew(
    shop: tuple[ServiceClient, str],
) -> None:
    api, url = shop
    await placed(api)
    await until(lambda: sent(api.context.uow), why="the relay sent them")
    async with api.context.uow(Cause("system:test")) as tx:
        head = await tx.sql.fetchval("SELECT position FROM feed_head")
        await tx.sql.execute("DELETE FROM outbox_sent WHERE position <= 2")
    for last, told in (("1", True), ("2", False), (str(head + 1), True)):
        async with watching(url, **{"Last-Event-ID": last}) as watcher:
            await until(lambda w=watcher: w.beats)  # type: ignore[misc]
            assert [event["event"] for event in watcher.events[:1]] == (["reset"] if told else ["order.created"])
    missed = await api.get("/v1/orders/stream?after=2&follow=false")  # for whoever looks now and then
    assert missed.text.count("event: ") == 1
    refused = await api.get("/v1/orders/stream", headers={"Last-Event-ID": "x"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Last-Event-ID")


async def sent(uow: UnitOfWork) -> bool:
    return not await uow.fetch("SELECT FROM outbox")


async def test_many_at_once_are_one_look_at_the_database_and_one_too_many_is_told_when_to_come_again(
    shop: tuple[ServiceClient, str],
) -> None:
    api, url = shop
    async with watching(url) as one, watching(url) as two, watching(url) as three:
        live: Live = api.app.app.app.state.live
        await until(lambda: len(live.readers) == 3)
        refused = await api.get("/v1/orders/stream")
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-readers")
        assert refused.headers["retry-after"] == "5"
        order = await placed(api)
        for watcher in (one, two, three):
            await until(lambda w=watcher: w.topics(order) == ["order.created"])  # type: ignore[misc]
    await until(lambda: not live.readers, why="who has gone is forgotten")


async def test_a_reader_that_takes_nothing_is_cut_off(shop: tuple[ServiceClient, str]) -> None:
    """The connection is open and nobody reads it: the server does not keep what it cannot send."""
    api, url = shop
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]), limit=1)
    key = credentials("manager")["Authorization"]
    writer.write(f"GET /v1/orders/stream HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n".encode())
    await until(lambda: getattr(api.app.app.app.state, "live", None) and api.app.app.app.state.live.readers)
    live: Live = api.app.app.app.state.live
    (stuck,) = live.readers
    event = Event(1, "order.created", "web", "x" * 100_000)
    async with watching(url) as other:

        def flood() -> bool:
            for n in range(50):
                stuck.put(Event(10_000 + n, event.topic, event.channel, event.text))
            return stuck not in live.readers

        await until(flood, why="it is dropped")
        order = await placed(api)
        await until(lambda: other.topics(order) == ["order.created"])
    writer.close()
    del reader


async def test_a_slow_reader_never_sees_beyond_what_it_missed() -> None:
    reader = Reader(0)
    for position in range(1, reader.queue.maxsize + 2):
        reader.put(Event(position, "order.created", "web", "{}"))
    assert reader.lost
    first = reader.queue.get_nowait()
    reader.put(Event(reader.queue.maxsize + 2, "order.created", "web", "{}"))
    rest = [reader.queue.get_nowait().position for _ in range(reader.queue.qsize())]
    assert [first.position, *rest] == list(range(1, reader.queue.maxsize + 1))


async def test_writers_that_commit_out_of_order_lose_nothing_for_a_reader_that_comes_and_goes(
    shop: tuple[ServiceClient, str],
) -> None:
    api, url = shop
    numbers = range(24)
    seen: list[str] = []
    last = {"Last-Event-ID": "0"}

    async def write() -> list[str]:
        made = await asyncio.gather(*(placed(api, external_id=f"w{n}") for n in numbers))
        return [order["id"] for order in made]

    writing = asyncio.create_task(write())
    created: list[str] = []
    for _ in range(200):
        async with watching(url, "?topic=order.created", **last) as watcher:
            await until(lambda w=watcher: w.events or w.beats)  # type: ignore[misc]
        seen += [event["id"] for event in watcher.events]
        created += [event["data"]["order"]["id"] for event in watcher.events]
        last = {"Last-Event-ID": watcher.last} if watcher.events else last
        if writing.done() and set(created) >= set(writing.result()):
            break
    assert sorted(created) == sorted(await writing)
    assert seen == sorted(seen, key=int)
