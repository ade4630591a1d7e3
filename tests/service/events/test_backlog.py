"""A worker that has fallen behind takes in more than it keeps in hand, a part at a time, to the end."""

import asyncio

from libs.events.bus import Bus
from libs.events.transaction import UnitOfWork
from libs.events.worker import FULL, Worker
from tests.service.events.kernel import until
from tests.service.events.test_worker import counting, effects, facts, publish


async def test_a_backlog_larger_than_what_is_kept_in_hand_is_taken_to_its_end(uow: UnitOfWork, bus: Bus) -> None:
    much = 3 * FULL
    await publish(bus, *facts(much))  # of one counter, so in one partition
    stop = asyncio.Event()
    working = asyncio.create_task(Worker(counting(), uow, bus, wait=0.02).run(stop))  # looks often while it is full

    async def all_taken() -> bool:
        return len(await effects(uow)) == much

    try:
        await until(all_taken)
    finally:
        stop.set()
        await asyncio.wait_for(working, 30)
    assert [row["value"] for row in await effects(uow)] == list(range(1, much + 1))
