"""Processes under our care: nothing is left over, crashes are mended and said, state is kept for its owner's eyes."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from deploy.child import CannotStartError, Child, wait_until
from deploy.keeper import keep_running
from deploy.reset import remove
from deploy.state import State
from libs.service.testing import until

SLEEPS = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
]


def started(child: Child) -> Child:
    child.start()
    assert wait_until(lambda: "here" in child.log.read_text(), 60)
    return child


def test_stop_ends_a_process_and_its_children_and_says_whether_it_went_by_itself(tmp_path: Path) -> None:
    parent = started(Child("parent", ["sh", "-c", "sleep 600 & echo here; wait"], tmp_path / "parent.log"))
    group = parent.pid
    assert parent.stop()
    assert not parent.alive
    assert wait_until(lambda: not _group_lives(group), 60)
    assert not parent.pid_file.exists()
    assert not started(Child("stubborn", STUBBORN, tmp_path / "stubborn.log")).stop(grace=0.2)


def test_what_a_killed_supervisor_left_is_ended_at_the_next_start(tmp_path: Path) -> None:
    left = started(Child("worker", SLEEPS, tmp_path / "worker.log"))
    again = Child("worker", SLEEPS, tmp_path / "worker.log")
    again.start()
    assert not left.alive
    assert again.alive
    again.kill()


def test_somebody_elses_process_under_a_used_pid_is_left_alone(tmp_path: Path) -> None:
    other = started(Child("other", SLEEPS, tmp_path / "other.log"))
    mine = Child("mine", SLEEPS, tmp_path / "mine.log")
    mine.pid_file.write_text(f"{other.pid} 12345")  # the same pid, started at another time
    mine.clear_leftover()
    assert other.alive
    other.kill()


def test_whoever_has_the_number_of_an_ended_process_is_left_alone(tmp_path: Path) -> None:
    mine = started(Child("mine", SLEEPS, tmp_path / "mine.log"))
    mine.kill()
    other = started(Child("other", SLEEPS, tmp_path / "other.log"))
    ended = mine._process
    assert ended is not None
    ended.pid = other.pid  # numbers come round
    mine.ask_to_stop()
    mine.kill()
    assert not wait_until(lambda: not other.alive, 0.5)
    other.kill()


async def test_what_crashes_is_restarted_and_said_and_waits_longer_each_time(tmp_path: Path) -> None:
    said: list[str] = []
    crashing = Child("crashing", ["false"], tmp_path / "crashing.log")
    steady = started(Child("steady", SLEEPS, tmp_path / "steady.log"))
    crashing.start()
    keeper = asyncio.create_task(keep_running({"crashing": crashing, "steady": steady}, said.append))
    async with asyncio.timeout(30):
        while len(said) < 3:
            await asyncio.sleep(0.02)
        before = steady.pid
        steady.kill()
        while not (steady.alive and steady.pid != before):
            await asyncio.sleep(0.02)
    keeper.cancel()
    steady.kill()
    waits = [float(line.split()[-2]) for line in said if line.startswith("crashing ended unexpectedly; restarting")]
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert "steady ended unexpectedly; restarting in 0.5 s" in said


async def test_what_is_held_stays_down_until_it_is_let_go(tmp_path: Path) -> None:
    member, held = Child("member", SLEEPS, tmp_path / "member.log"), {"member"}
    keeper = asyncio.create_task(keep_running({"member": member}, lambda _: None, held=held, longest=0.5))
    await asyncio.sleep(1)  # what must not happen has no condition
    assert not member.alive
    held.clear()
    await until(lambda: member.alive)
    keeper.cancel()
    member.kill()


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    keys = state.development_keys()
    assert set(keys) == {"operator", "manager", "erp", "storefront", "dashboards"}
    assert len(set(keys.values())) == len(keys)
    assert State(tmp_path / "state").development_keys() == keys
    state.write_environment({"ORDERS_DATABASE_URL": "postgresql://a b", "EVENTS_BUS": "x", "HOME": "/root"})
    for name in ("development-keys.json", "environment"):
        assert (state.root / name).stat().st_mode & 0o077 == 0
    assert (state.root / "environment").read_text() == "EVENTS_BUS=x\nORDERS_DATABASE_URL='postgresql://a b'\n"


def test_a_second_supervisor_is_refused_while_the_first_lives(tmp_path: Path) -> None:
    with State(tmp_path).lock(), pytest.raises(CannotStartError, match=f"runs already \\(process {os.getpid()}\\)"):
        State(tmp_path).lock()
    State(tmp_path).lock().close()


def test_reset_ends_what_is_left_and_keeps_only_kafkas_jars(tmp_path: Path) -> None:
    for folder in ("postgres/data", "kafka/lib", "kafka/broker1", "log"):
        (tmp_path / folder).mkdir(parents=True)
    left = started(Child("orders", SLEEPS, tmp_path / "log" / "orders.log"))
    remove(tmp_path)
    assert not left.alive
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["kafka", "kafka/lib"]


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
