"""B1 on one small machine: a service is killed at each instant of its work, and every effect happens exactly once."""

import shutil
from pathlib import Path

import pytest

from demo.checker import table
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Fault, Kind
from tests.e2e.importing import a_day, cut
from tests.scratch import scratch

WORK = (  # a fact's way: who is killed, where, the how manieth time
    ("orders", "commit.after", 3),
    ("orders", "publish.before", 2),
    ("orders", "publish.after", 2),
    ("inventory", "log.before", 2),
    ("shipping", "log.after", 2),
    ("inventory", "commit.before", 3),
    ("payments", "capture.after", 1),
    ("notifications", "mail.after", 1),
)
FAULTS = [Fault(Kind.KILL_AT, victim, 0, point=point, nth=nth) for victim, point, nth in WORK]


@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_b1_killed_between_commit_publish_consume_and_acknowledge_every_effect_happens_once(
    tmp_path: Path,
) -> None:
    file = cut(tmp_path, a_day(least=20))
    folder = scratch()
    try:
        plan = Plan(seed=1, file=file, rate=0.35, bus="embedded", share=0.0, faults=FAULTS)
        outcome = await run(plan, folder / "state")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert not outcome.broken, table(outcome.proofs)
    assert all(proof.tried for proof in outcome.proofs), table(outcome.proofs)
    assert set(outcome.striker.instants) >= {"commit.after", "publish.before", "publish.after", "log.before"}
