"""Kills, freezes and cuts off everything while a real month is imported, and proves that nothing is lost or doubled.

python -m tests.chaos [--seed N] [--kills 200] [--minutes 30] [--brokers 3] [--report FILE]
"""

import argparse
import asyncio
import shutil
import sys
from pathlib import Path

from demo.invoices import invoices
from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.schedule import Size
from tests.e2e.importing import MONTH, cut, rows_of_month
from tests.scratch import scratch


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=20101201, help="the same seed, the same faults")
    parser.add_argument("--kills", type=int, default=200, help="at least so many")
    parser.add_argument("--minutes", type=float, default=30, help="for so long orders come in")
    parser.add_argument("--freezes", type=int, default=15, help="of each of two kinds")
    parser.add_argument("--freeze", type=float, default=20, help="seconds; leases are 8, sessions 6")
    parser.add_argument("--outage", type=float, default=75, help="seconds for which all brokers are away")
    parser.add_argument("--rounds", type=int, default=5, help="of faults of the servers")
    parser.add_argument("--brokers", type=int, default=3, choices=(1, 3))
    parser.add_argument("--share", type=float, default=0.08, help="of calls to others that go wrong")
    parser.add_argument("--invoices", type=int, help="only the first so many of the month")
    parser.add_argument("--report", type=Path, help="write it there as well")
    parser.add_argument("--keep", type=Path, help="leave the installation there, to be looked at")
    return parser.parse_args()


def _rest(kills: int, minutes: float) -> float:
    """So that the kills last nearly as long as the orders: three of them take two strikes of some seconds each."""
    return 2 * max(0.75, 0.8 * minutes * 60 / (kills / 1.5) - 6)


def main() -> int:
    """Run; 1 where a promise is broken."""
    options = _options()
    folder = scratch()
    file = MONTH if options.invoices is None else cut(folder, rows_of_month()[: options.invoices])
    orders = sum(invoice.kind == "order" for invoice in invoices(file))
    size = Size(
        kills=options.kills, freezes=options.freezes, freeze=options.freeze, bus=options.outage,
        rounds=options.rounds, brokers=options.brokers, long=True,
        rest=_rest(options.kills, options.minutes),
    )  # fmt: skip
    plan = Plan(options.seed, file, orders / (options.minutes * 60), size, options.share)
    try:
        outcome = asyncio.run(run(plan, options.keep or folder / "state", _say))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    text = report(outcome, " ".join(["python -m tests.chaos", *sys.argv[1:]]))
    print(text)
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(text, encoding="utf-8")
    return 1 if outcome.broken else 0


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
