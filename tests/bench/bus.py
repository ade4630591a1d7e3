"""How fast both buses are by themselves: published in batches, read and committed, and one record's way through."""

import asyncio
import time
from collections.abc import AsyncIterator

from libs.events.bus import Bus, Outgoing, Sent, Subscription, Topic
from libs.events.open_bus import open_bus
from tests.bench.figure import Figure, quantile
from tests.bench.stage import Stage

TOPIC = Topic("bench.written", partitions=8)
BATCH, BATCHES, SIZE = 500, 40, 1000
SINGLE = 200


async def measure(stage: Stage) -> AsyncIterator[Figure]:
    """Records a second written and read, and milliseconds from publish to poll."""
    for kind in stage.scale.buses:
        async with stage.bus(kind) as url:
            bus = open_bus(url)
            await bus.create_topics([TOPIC])
            batches = stage.scale.of(BATCHES, 4)
            note = f"{BATCH} of {SIZE} bytes at a time"
            yield Figure(f"bus, published, {kind}", await _written(bus, batches), "records/s", note=note)
            async with bus.subscribe("bench", [TOPIC.name]) as member:
                yield Figure(f"bus, read and committed, {kind}", await _read(member, batches + 1), "records/s")
                waits = await _ways(bus, member, stage.scale.of(SINGLE))
            note = f"p99 {quantile(waits, 0.99):.1f} ms"
            yield Figure(f"bus, one record from publish to poll, p50, {kind}", quantile(waits, 0.5), "ms", note=note)
            await bus.close()


async def _written(bus: Bus, batches: int) -> float:
    batch = [Outgoing(TOPIC.name, f"order {n}", b"x" * SIZE) for n in range(BATCH)]
    await _send(bus, batch)
    started = time.perf_counter()
    for _ in range(batches):
        await _send(bus, batch)
    return BATCH * batches / (time.perf_counter() - started)


async def _read(member: Subscription, batches: int) -> float:
    read, started = 0, 0.0
    while read < BATCH * batches:
        found = await member.poll(BATCH, 1)
        started = started or time.perf_counter()  # joining the group is no reading
        read += sum(map(len, found.values()))
        await member.commit({place: records[-1].offset + 1 for place, records in found.items()})
    return read / (time.perf_counter() - started)


async def _ways(bus: Bus, member: Subscription, records: int) -> list[float]:
    """Milliseconds of single records, each published while the reader waits."""
    waits = []
    for n in range(records):
        polling = asyncio.create_task(member.poll(1, 10))
        await asyncio.sleep(0.005)
        started = time.perf_counter()
        await _send(bus, [Outgoing(TOPIC.name, str(n), b"x" * SIZE)])
        await polling
        waits.append((time.perf_counter() - started) * 1000)
    return waits


async def _send(bus: Bus, records: list[Outgoing]) -> None:
    outcomes = await bus.publish(records)
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes[0]
