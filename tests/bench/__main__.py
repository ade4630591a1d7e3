"""`make bench`: how fast it is, each figure beside what the machine can do at most. Reported, never gated.

python -m tests.bench [--short] [--only NAME]... [--report FILE] [--repeats N] [--bus embedded|kafka]...
"""

import argparse
import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from tests.bench import bulk, bus, consuming, growth, listing, month, placing, relaying, reserving, webhooks
from tests.bench.figure import Figure, table
from tests.bench.machine import load, shape
from tests.bench.report import write
from tests.bench.stage import LONG, SHORT, Stage, stage

Experiment = Callable[[Stage], AsyncIterator[Figure]]
EXPERIMENTS: dict[str, Experiment] = {
    "place": placing.measure,
    "bus": bus.measure,
    "relay": relaying.measure,
    "consume": consuming.measure,
    "reserve": reserving.measure_latency,
    "hot": reserving.measure_hot,
    "webhooks": webhooks.measure,
    "bulk": bulk.measure,
    "month": month.measure,
    "growth": growth.measure,
    "lists": listing.measure,
}


async def run(names: list[str], on: Stage, keep: Callable[[list[Figure]], None] = lambda _: None) -> list[Figure]:
    """Measure these, one after the other; each figure is told, and all so far are kept, as it comes."""
    figures: list[Figure] = []
    for name in names:
        started = time.monotonic()
        on.say(f"--- {name}")
        async for figure in EXPERIMENTS[name](on):
            figures.append(figure)
            on.say("    " + "  ".join(cell for cell in figure.cells() if cell))
            keep(figures)
        on.say(f"    {time.monotonic() - started:.0f} s")
    return figures


def main() -> int:
    """Measure, print the table, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument(
        "--short", action="store_true", help="a look at whether all runs: a minute, figures of no worth"
    )
    parser.add_argument("--only", action="append", choices=EXPERIMENTS, help="only this; may be repeated")
    parser.add_argument("--report", type=Path, help="write the table there, as Markdown")
    parser.add_argument("--repeats", type=int, help="how often each is measured; the median counts")
    parser.add_argument(
        "--bus", action="append", choices=("embedded", "kafka"), help="only on this one; may be repeated"
    )
    options = parser.parse_args()
    scale = SHORT if options.short else LONG
    scale = replace(scale, repeats=options.repeats or scale.repeats, buses=tuple(options.bus or scale.buses))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that has just started elects its leaders
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are stopped on the way out
    before, started = load(), time.monotonic()
    with stage(scale, lambda text: print(text, file=sys.stderr, flush=True), durable=not options.short) as on:
        machine = shape(on.folder)

        def keep(figures: list[Figure]) -> None:
            if options.report:
                write(options.report, figures, machine | {"load average before": before}, time.monotonic() - started)

        figures = asyncio.run(run(options.only or list(EXPERIMENTS), on, keep))
    print(table(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
