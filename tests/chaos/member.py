"""Starts a process of a service with something wrong: its clock, or an instant at which it dies or freezes.

CHAOS_POINT=commit.after CHAOS_NTH=3 CHAOS_SIGNAL=SIGKILL python -m tests.chaos.member services.orders api
"""

import os
import runpy
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from signal import Signals

import time_machine

from tests.chaos.points import arm


def dressed(clock: int, point: str = "", nth: int = 1, signal: Signals = Signals.SIGKILL) -> dict[str, str]:
    """What a process is told by its environment to start so."""
    told = {"CHAOS_CLOCK": str(clock)} if clock else {}
    return told | ({"CHAOS_POINT": point, "CHAOS_NTH": str(nth), "CHAOS_SIGNAL": signal.name} if point else {})


def prepare(told: Mapping[str, str]) -> None:
    """Set the clock, and the trap."""
    if seconds := int(told.get("CHAOS_CLOCK", "0")):
        time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds), tick=True).start()
    if point := told.get("CHAOS_POINT"):
        arm(point, int(told["CHAOS_NTH"]), Signals[told["CHAOS_SIGNAL"]])


if __name__ == "__main__":
    prepare(os.environ)
    module, *rest = sys.argv[1:]
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
