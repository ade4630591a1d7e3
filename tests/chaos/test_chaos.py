"""The short form of `make chaos`: every kind of fault once, everybody killed, while a real day is imported."""

import shutil
from pathlib import Path

import pytest

from demo.checker import table
from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.schedule import VICTIMS, Kind, Size, schedule
from tests.e2e.importing import a_day, cut
from tests.scratch import scratch

SIZE = Size(kills=20, freezes=3, freeze=12, bus=60, rounds=1)
SEED = 7
ELSEWHERE = {Kind.BUS_LONG, Kind.BROKER}  # of the long form alone


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(1500)
async def test_b1_whoever_is_killed_frozen_or_cut_off_every_effect_happens_exactly_once(tmp_path: Path) -> None:
    file = cut(tmp_path, a_day(least=90))
    folder = scratch()
    try:
        outcome = await run(Plan(SEED, file, rate=0.8, size=SIZE), folder / "state")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    (tmp_path / "report.md").write_text(report(outcome, "pytest tests/chaos"), encoding="utf-8")
    assert not outcome.broken, table(outcome.proofs)
    assert all(proof.tried for proof in outcome.proofs), table(outcome.proofs)
    assert outcome.striker.kills.total() >= SIZE.kills
    assert set(VICTIMS) | {"postgres"} <= set(outcome.striker.kills)
    assert {kind for kind, _ in outcome.striker.struck} == set(Kind) - ELSEWHERE
    assert outcome.striker.instants
    assert outcome.counted["AWBs that were nobody's: found, cancelled"] > 0


def test_the_schedule_follows_from_the_seed_and_leaves_nobody_out() -> None:
    assert schedule(1, SIZE) == schedule(1, SIZE) != schedule(2, SIZE)
    long = Size(kills=200, freezes=10, freeze=20, bus=75, rounds=3, brokers=3, long=True)
    for size, kinds in ((SIZE, set(Kind) - ELSEWHERE), (long, set(Kind))):
        faults = [fault for track in schedule(3, size).values() for fault in track]
        assert {fault.kind for fault in faults} == kinds
        assert {fault.victim for fault in faults if fault.kind in (Kind.KILL, Kind.KILL_AT)} == set(VICTIMS)
        assert sum((fault.kind is Kind.KILL) + 2 * (fault.kind is Kind.KILL_AT) for fault in faults) >= size.kills
