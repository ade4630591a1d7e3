import asyncio
from datetime import timedelta

from libs.service.loops import Loop, Wakes, run_loop, run_loops
from libs.service.testing import until

HOUR = timedelta(hours=1)


class Rounds:
    """What the rounds of a loop did and will do."""

    def __init__(self, *plan: int | Exception) -> None:
        self.plan = list(plan)
        self.done = 0

    async def __call__(self) -> int:
        self.done += 1
        step = self.plan.pop(0) if self.plan else 0
        if isinstance(step, Exception):
            raise step
        return step


async def test_a_loop_goes_on_while_there_is_work_then_waits_to_be_woken() -> None:
    rounds, stop = Rounds(5, 3), asyncio.Event()
    loop = Loop("test", HOUR, rounds)
    task = asyncio.create_task(run_loop(loop, stop))
    await until(lambda: rounds.done == 3)
    loop.wake.set()
    await until(lambda: rounds.done == 4)
    stop.set()
    await task
    assert rounds.done == 4


async def test_a_loop_runs_by_itself_after_its_time() -> None:
    rounds, stop = Rounds(), asyncio.Event()
    task = asyncio.create_task(run_loop(Loop("test", timedelta(milliseconds=10), rounds), stop))
    await until(lambda: rounds.done > 3)
    stop.set()
    await task


async def test_an_error_is_never_the_end_of_a_loop() -> None:
    rounds, stop = Rounds(ValueError(), ValueError(), 1), asyncio.Event()
    task = asyncio.create_task(run_loop(Loop("test", HOUR, rounds), stop))
    await until(lambda: rounds.done == 4)
    stop.set()
    await task


async def test_a_stop_finishes_the_round_in_hand() -> None:
    began, go_on, finished, stop = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run() -> int:
        began.set()
        await go_on.wait()
        finished.set()
        return 1

    task = asyncio.create_task(run_loops([Loop("test", HOUR, run), Loop("other", HOUR, Rounds())], stop))
    await began.wait()
    stop.set()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    await task
    assert finished.is_set()


async def test_ringing_where_nobody_listens_is_harmless() -> None:
    wakes = Wakes()
    wakes["nobody"].set()
    assert wakes["nobody"] is wakes["nobody"]
