"""The report that is kept: when, by which command, on what machine, and the table."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figure import Figure, table


def write(file: Path, figures: Sequence[Figure], machine: Mapping[str, str], seconds: float) -> None:
    """The figures as a page."""
    command = " ".join(["python -m tests.bench", *sys.argv[1:]])
    met = [figure.met for figure in figures if figure.met is not None]
    lines = [
        "# Speed: the last run",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {seconds / 60:.0f} minutes.",
    ]
    lines += ["", "How to read it: [performance.md](../performance.md).", "", "| the machine | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in machine.items()]
    lines += ["", f"{sum(met)} of {len(met)} goals met.", "", table(figures), ""]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")
