"""The short form of `make fuzz`: a few seeded cases of every operation of every service, and nothing left behind."""

import asyncio
from pathlib import Path

import pytest

from deploy.system import SERVICE_NAMES
from tests.fuzz import report
from tests.fuzz.__main__ import run
from tests.fuzz.strike import Visit

SEED = 2026
CASES = 6
WITHIN = 9.0
PHASES = ("examples", "fuzzing", "stateful")  # the long form has the coverage phase too


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_strangers_find_nothing_at_any_service_and_leave_nothing_behind(tmp_path: Path) -> None:
    visits = [Visit(name, "manager", CASES, SEED, WITHIN, PHASES) for name in SERVICE_NAMES]
    outcomes, left = asyncio.run(run(visits, tmp_path))
    told = report.page(outcomes, left, [], SEED)
    assert [outcome.found for outcome in outcomes] == [0] * len(visits), told
    assert left.wrong == (), told
    assert all(outcome.operations for outcome in outcomes), told
    assert sum(outcome.cases for outcome in outcomes) > 100, told
