import asyncio
from datetime import timedelta

import pytest

from libs.service.parts import Part, run_parts

SOON = timedelta(seconds=5)


def part(name: str, stopped: list[str]) -> Part:
    async def run(stop: asyncio.Event) -> None:
        await stop.wait()
        stopped.append(f"{name} is asked")
        for _ in range(20):  # some work in hand
            await asyncio.sleep(0)
        stopped.append(name)

    return run


async def test_parts_stop_one_after_the_other() -> None:
    stopped: list[str] = []
    stop = asyncio.Event()
    stop.set()
    names = ("api", "worker", "relay")
    assert await run_parts({name: part(name, stopped) for name in names}, stop, SOON)
    assert stopped == [said for name in names for said in (f"{name} is asked", name)]


async def breaks(_: asyncio.Event) -> None:
    raise ZeroDivisionError


async def ends(_: asyncio.Event) -> None:
    return


@pytest.mark.parametrize("bad", [breaks, ends])
async def test_a_part_that_ends_by_itself_ends_the_process_with_an_error(bad: Part) -> None:
    stopped: list[str] = []
    fine = await run_parts(
        {"api": part("api", stopped), "bad": bad, "relay": part("relay", stopped)}, asyncio.Event(), SOON
    )
    assert not fine
    assert [name for name in stopped if "asked" not in name] == ["api", "relay"]


async def test_a_part_that_does_not_stop_is_ended_after_a_while() -> None:
    async def deaf(_: asyncio.Event) -> None:
        await asyncio.Event().wait()

    stop = asyncio.Event()
    stop.set()
    assert not await run_parts({"deaf": deaf}, stop, timedelta(seconds=-4.9))
