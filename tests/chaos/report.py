"""What a run did and found, as a table that a person can read."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.points import POINTS
from tests.chaos.run import Outcome

GIB = 1024**3


def report(outcome: Outcome, command: str) -> str:
    """Markdown."""
    broken = outcome.broken
    lines = [
        "# Faults: the last report",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {outcome.plan.seed},",
        f"{outcome.seconds / 60:.0f} min on {machine()}.",
        "",
        "**Every promise holds.**" if not broken else f"**{len(broken)} promises are BROKEN.**",
        "",
        *_table(("promise", "tried on", "broken"), [(p.promise, p.tried, len(p.broken)) for p in outcome.proofs]),
        *(f"- BROKEN: {words}" for words in broken[:50]),
        "",
        "## What was struck",
        "",
        *_table(("fault", "whom", "times"), _faults(outcome)),
        "",
        f"`kill -9`, {outcome.striker.kills.total()} in all:",
        "",
        *_table(("process", "times"), sorted(outcome.striker.kills.items())),
        "",
        "Instants at which a process was killed or frozen on purpose:",
        "",
        *_table(("instant", "times"), _instants(outcome)),
        "",
        f"Beside that, {outcome.plan.share:.0%} of the calls to PayPal, the courier and the mail server went wrong:",
        "late after success, twice, out of order, 5xx, garbage, hung up.",
        "",
        "## Counted",
        "",
        *_table(("what", "number"), list(outcome.counted.items())),
        "",
        "## The schedule",
        "",
        f"It follows from the seed {outcome.plan.seed}: four tracks at the same time, each one after the other.",
    ]
    for name, track in outcome.plan.tracks.items():
        lines += ["", f"**{name}**", "", *(f"{n}. {fault}" for n, fault in enumerate(track, start=1))]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Its shape."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    system = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{cores} cores ({_processor()}), {pages / GIB:.0f} GiB, {system}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _faults(outcome: Outcome) -> list[tuple[object, ...]]:
    kinds: dict[str, Counter[str]] = {}
    for (kind, victim), times in outcome.striker.struck.items():
        kinds.setdefault(kind.value, Counter())[victim] += times
    return [
        (kind, ", ".join(f"{victim} {n}" for victim, n in sorted(victims.items())), victims.total())
        for kind, victims in sorted(kinds.items())
    ]


def _instants(outcome: Outcome) -> list[tuple[object, ...]]:
    return [(POINTS[name].words, times) for name, times in sorted(outcome.striker.instants.items())]


def _table(heads: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return lines + [f"| {' | '.join(str(cell) for cell in row)} |" for row in rows]
