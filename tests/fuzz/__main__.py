"""`python -m tests.fuzz --cases N --seed S --minutes M --report FILE`: Schemathesis over the whole running system.

Each service is visited as a manager and as nobody. 1 when anything was found, or left behind.
"""

import argparse
import asyncio
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from deploy.system import SERVICE_NAMES
from tests.fuzz import report
from tests.fuzz.aftermath import Left, look
from tests.fuzz.house import house
from tests.fuzz.strike import Outcome, Visit, strike
from tests.scratch import scratch

AS_NOBODY = 0.25
"""The share of the time that somebody without credentials gets."""
LONGEST = 120.0
"""Seconds from which on a visit is not made longer."""


def main() -> int:
    """Run, tell, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=200, help="of each operation and phase, at most")
    parser.add_argument("--seed", type=int, default=None, help="to make up the same again; any, unless said")
    parser.add_argument("--minutes", type=float, default=14, help="for all visits together")
    parser.add_argument("--services", nargs="+", default=list(SERVICE_NAMES), choices=SERVICE_NAMES)
    parser.add_argument("--report", type=Path, default=None, help="where the table is written")
    options = parser.parse_args()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    folder = scratch()
    try:
        outcomes, left = asyncio.run(run(plan(options.services, options.cases, seed, options.minutes * 60), folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = report.page(outcomes, left, sys.argv[1:], seed)
    print(text)
    if options.report is not None:
        options.report.write_text(text, encoding="utf-8")
    return 1 if any(outcome.found for outcome in outcomes) or left.wrong else 0


def plan(services: list[str], cases: int, seed: int, seconds: float) -> list[Visit]:
    """Who visits whom: every service as a manager, then as nobody."""
    each = seconds / len(services)
    whole = [Visit(name, "manager", cases, seed, each * (1 - AS_NOBODY)) for name in services]
    return whole + [Visit(name, "", max(1, cases // 10), seed, each * AS_NOBODY) for name in services]


async def run(visits: list[Visit], folder: Path, *, at_once: int = 1, least: int = 0) -> tuple[list[Outcome], Left]:
    """All visits, so many at the same time, at one house; then what they left.

    One that found nothing because it came to fewer than `least` cases is made again, with four times its time.
    """
    (folder / "visits").mkdir()
    free = asyncio.Semaphore(at_once)
    async with house(folder / "system") as opened:
        print(f"the system is up; {len(visits)} visits with seed {visits[0].seed}", flush=True)

        async def paid(visit: Visit) -> Outcome:
            async with free:
                outcome = await strike(opened, visit, folder / "visits")
                while outcome.cases < least and not outcome.found and visit.within < LONGEST:
                    visit = replace(visit, within=4 * visit.within)
                    outcome = await strike(opened, visit, folder / "visits")
            print(report.line(outcome), flush=True)
            return outcome

        outcomes = await asyncio.gather(*map(paid, visits))
        return outcomes, await look(opened)


if __name__ == "__main__":
    raise SystemExit(main())
