"""The levels of tests, cheapest first. `make test` leaves out what takes minutes; CI leaves out nothing."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Level:
    """A run of pytest; `workers` processes share its tests, `kafka` says whether those on Kafka or all others run."""

    name: str
    folders: tuple[str, ...]
    kafka: bool = False
    workers: int = 0

    def arguments(self, *, slow: bool) -> list[str]:
        """What pytest is told; `slow` lets in what takes minutes."""
        shared = ["-n", str(self.workers)] if self.workers else ["-p", "no:xdist"]
        marks = ("kafka" if self.kafka else "not kafka") + ("" if slow else " and not slow")
        return [*self.folders, "-m", marks, *shared, "-q", "--no-header", "-p", "no:cacheprovider"]


LEVELS = (
    Level("unit", ("tests/unit",), workers=4),
    Level("service", ("tests/service",), workers=4),
    Level("contract", ("tests/contract",), workers=4),
    Level("on Kafka", ("tests/unit", "tests/service", "tests/contract"), kafka=True, workers=4),
    Level("end to end", ("tests/e2e",)),
    Level("end to end on Kafka", ("tests/e2e",), kafka=True),
    Level("chaos", ("tests/chaos",)),
    Level("chaos on Kafka", ("tests/chaos",), kafka=True),
    Level("bench", ("tests/bench",)),
)


def main() -> int:
    """Run the levels; 0 when every test passed (and, with --ci, none on Kafka was left out)."""
    parser = argparse.ArgumentParser(prog="python -m deploy.levels")
    parser.add_argument("--ci", action="store_true", help="short output, and nothing left out")
    options = parser.parse_args()
    started = time.monotonic()
    total: Counter[str] = Counter()
    problems: set[str] = set()
    failed: list[str] = []
    for level in LEVELS:
        good, counts, problem = run(level, ci=options.ci)
        total += counts
        problems |= {problem} - {""}
        failed += [] if good else [level.name]
    lost = options.ci and not failed and (total["kafka_skipped"] > 0 or total["kafka"] == 0)
    if failed:
        print(f"\nFAILED: {', '.join(failed)}")
    if lost:
        print("\nFAILED: tests on Apache Kafka were left out, which CI does not accept")
    print_summary(total, time.monotonic() - started, problems)
    return 1 if failed or lost else 0


def run(level: Level, *, ci: bool) -> tuple[bool, Counter[str], str]:
    """One level: did it pass, what ran, what the machine lacks."""
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counts.json"
        env = os.environ | {"COMANDA_TEST_COUNTS": str(counted)} | ({"CI": "true"} if ci else {})
        command = [sys.executable, "-m", "pytest", *level.arguments(slow=ci)]
        print(f"--- {level.name}", flush=True)
        started = time.monotonic()
        output = subprocess.PIPE if ci else None
        done = subprocess.run(command, cwd=CHECKOUT, env=env, check=False, text=True, stdout=output)
        seconds = time.monotonic() - started
        good = done.returncode in (0, NOTHING_COLLECTED)
        if ci and not good:
            print(done.stdout[-20_000:], flush=True)
        counts = json.loads(counted.read_text()) if counted.exists() else {}
    problem = counts.pop("problem", "")
    if ci:
        print(f"    {counts.get('passed', 0)} passed in {seconds:.0f} s", flush=True)
    return good, Counter(counts), problem


def print_summary(total: Counter[str], seconds: float, problems: set[str]) -> None:
    """How many tests ran on each bus, what was left out, and a closing line as pytest writes it."""
    buses = {"without a bus": "none", "on the embedded bus": "embedded", "on Apache Kafka": "kafka"}
    print("\n" + "   ".join(f"{words}: {total[bus]}" for words, bus in buses.items()))
    if total["kafka_skipped"]:
        print(f"\n{'!' * 100}\nLEFT OUT: {total['kafka_skipped']} tests on Apache Kafka.")
        print("\n".join(sorted(problems)), "!" * 100, sep="\n")
    parts = [f"{total[name]} {name}" for name in ("failed", "errors", "passed", "skipped", "xfailed") if total[name]]
    print(f"\n===== {', '.join(parts) or 'no tests ran'} in {seconds:.2f}s =====", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
