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
LEAST = 5  # cases of each visit, however slow the machine is
PHASES = ("examples", "fuzzing", "stateful")  # the long form has the coverage phase too


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_strangers_find_nothing_at_any_service_and_leave_nothing_behind(tmp_path: Path) -> None:
    visits = [Visit(name, "manager", CASES, SEED, WITHIN, PHASES) for name in SERVICE_NAMES]
    outcomes, left = asyncio.run(run(visits, tmp_path, at_once=2, least=LEAST))
    told = report.page(outcomes, left, [], SEED)
    assert [outcome.found for outcome in outcomes] == [0] * len(visits), told
    assert left.wrong == (), told
    assert all(outcome.operations and outcome.cases >= LEAST for outcome in outcomes), told
