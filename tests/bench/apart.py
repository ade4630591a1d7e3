"""Work in a process of its own, so that who measures does not share a loop with what is measured."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

import uvloop

T = TypeVar("T")
TICKS = 100  # of the kernel's clock in a second


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What the work gave, and what it cost: CPU seconds of its process from the first to the last statement."""

    result: T
    cpu: float


async def apart(work: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> Done[T]:
    """Run a module's coroutine function in a new process; arguments and result are pickled."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return await loop.run_in_executor(pool, _run, work, arguments)


def _run(work: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[Any, ...]) -> Done[T]:
    started = time.process_time()
    result = uvloop.run(work(*arguments))
    return Done(result, time.process_time() - started)


def cpu_of(pid: int) -> float:
    """CPU seconds of a process, of its living children, and of those that ended."""
    own = _fields(pid)
    total = sum(int(own[n]) for n in (11, 12, 13, 14)) if own else 0
    for child in children(pid):
        if fields := _fields(child):
            total += sum(int(fields[n]) for n in (11, 12, 13, 14))
    return total / TICKS


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread that has just ended
            found += [int(child) for child in task.read_text().split()]
    return found


def family(pid: int) -> list[int]:
    """A process and its direct children."""
    return [pid, *children(pid)]


def _fields(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
