"""How fast both buses are on this machine: `python -m tests.bench.bus [embedded] [kafka]`. Reported, never asserted."""

import asyncio
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from libs.events.bus import Bus, Outgoing, Sent, Topic
from libs.events.open_bus import open_bus
from tests.databases import Databases, start_server, stop_server
from tests.kafka import start_kafka, stop_kafka

TOPIC = Topic("bench.written", partitions=8)
BATCH, BATCHES, SIZE = 500, 40, 1000
SINGLE = 200


@contextmanager
def embedded() -> Iterator[str]:
    """A throwaway PostgreSQL with its own log."""
    server = start_server()
    try:
        yield asyncio.run(Databases(server.url())("bus"))
    finally:
        stop_server(server)


@contextmanager
def kafka() -> Iterator[str]:
    """One broker with a small heap."""
    broker = start_kafka()
    try:
        yield broker.bus
    finally:
        stop_kafka(broker)


async def measure(bus: Bus) -> str:
    """Records a second in batches, and how long one record takes from publish to poll."""
    await bus.create_topics([TOPIC])
    batch = [Outgoing(TOPIC.name, f"order {n}", b"x" * SIZE) for n in range(BATCH)]
    await _send(bus, batch)
    started = time.perf_counter()
    for _ in range(BATCHES):
        await _send(bus, batch)
    written = time.perf_counter() - started
    async with bus.subscribe("bench", [TOPIC.name]) as member:
        read, started = 0, time.perf_counter()
        while read < BATCH * (BATCHES + 1):
            found = await member.poll(BATCH, 1)
            read += sum(map(len, found.values()))
            await member.commit({place: records[-1].offset + 1 for place, records in found.items()})
        reading = time.perf_counter() - started
        waits = []
        for n in range(SINGLE):
            polling = asyncio.create_task(member.poll(1, 10))
            await asyncio.sleep(0.005)
            started = time.perf_counter()
            await _send(bus, [Outgoing(TOPIC.name, str(n), b"x" * SIZE)])
            await polling
            waits.append((time.perf_counter() - started) * 1000)
    await bus.close()
    slow = statistics.quantiles(waits, n=100)[98]
    return (
        f"publish {BATCH * BATCHES / written:,.0f} records/s ({BATCH} of {SIZE} bytes at a time), "
        f"read and commit {read / reading:,.0f} records/s, publish to poll p50 {statistics.median(waits):.1f} ms, "
        f"p99 {slow:.1f} ms"
    )


async def _send(bus: Bus, records: list[Outgoing]) -> None:
    outcomes = await bus.publish(records)
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes[0]


def main() -> None:
    """Measure those that are named, else both."""
    for server in (embedded, kafka):
        if server.__name__ in (sys.argv[1:] or ("embedded", "kafka")):
            with server() as url:
                print(f"{server.__name__}: {asyncio.run(_opened(url))}")  # noqa: T201 - that is its purpose


async def _opened(url: str) -> str:
    return await measure(open_bus(url))


if __name__ == "__main__":
    main()
