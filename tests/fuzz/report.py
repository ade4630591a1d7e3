"""The table that a person reads after the strangers have gone."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from tests.fuzz.aftermath import Left
from tests.fuzz.strike import CHECKS, PHASES, Outcome


def line(outcome: Outcome) -> str:
    """One visit, as it is told while others follow."""
    who = outcome.visit.role or "nobody"
    return (
        f"{outcome.visit.service:<14} as {who:<8} {outcome.operations:>3} operations {outcome.cases:>7,} cases"
        f" {outcome.found:>3} found in {outcome.seconds:.0f} s"
    )


def page(outcomes: Sequence[Outcome], left: Left, arguments: Sequence[str], seed: int) -> str:
    """The whole report, as Markdown."""
    command = f"python -m tests.fuzz {' '.join(arguments)}"
    shape = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    shape += f", Schemathesis {version('schemathesis')}"
    parts = [
        "# Fuzzing",
        "",
        f"`{command}` (`make fuzz`), seed {seed}, {datetime.now(UTC):%Y-%m-%d}, {shape}.",
        "",
        "All five services run with every stand-in on the embedded bus; a shop is open, orders stand at every stage.",
        f"Phases: {', '.join(PHASES)}. Checks: {', '.join(each.replace('_', ' ') for each in CHECKS)}.",
        "",
        "| service | as | operations | cases | found | seconds |",
        "|---|---|---:|---:|---:|---:|",
        *(_row(outcome) for outcome in outcomes),
        (
            f"| all | | | {sum(each.cases for each in outcomes):,} | {sum(each.found for each in outcomes)} "
            f"| {sum(each.seconds for each in outcomes):.0f} |"
        ),
        "",
        f"Afterwards: {sum(left.rows.values()):,} facts were published "
        f"({', '.join(f'{name} {rows:,}' for name, rows in left.rows.items())}); "
        + ("what is left behind:" if left.wrong else "no dead letter, no unsent fact, no error in any log."),
        "",
        *(f"- {each}" for each in left.wrong),
    ]
    for outcome in outcomes:
        if outcome.failures:
            title = f"## {outcome.visit.service} as {outcome.visit.role or 'nobody'}"
            parts += ["", title, "", "```", outcome.failures, "```"]
    return "\n".join(parts).rstrip() + "\n"


def _row(outcome: Outcome) -> str:
    who = outcome.visit.role or "nobody"
    return (
        f"| {outcome.visit.service} | {who} | {outcome.operations} | {outcome.cases:,} | {outcome.found} "
        f"| {outcome.seconds:.0f} |"
    )
