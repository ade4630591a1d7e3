"""A measured figure beside its raw limit and its goal, and the table of all of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Goal(StrEnum):
    """What a goal's number speaks of."""

    LEAST = "at least"
    MOST = "at most"
    RATIO = "ours / raw at least"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: `raw` is what the machine can do at most, measured beside it; `raw_is` says how."""

    what: str
    ours: float
    unit: str
    raw: float | None = None
    raw_is: str = ""
    goal: tuple[Goal, float] | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How much of the raw limit is reached; None where there is none."""
        return self.ours / self.raw if self.raw else None

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; None without a goal."""
        if self.goal is None:
            return None
        kind, number = self.goal
        if kind is Goal.MOST:
            return self.ours <= number
        return (self.ours if kind is Goal.LEAST else self.ratio or 0.0) >= number

    def cells(self) -> list[str]:
        """What the table shows."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        raw = "" if self.raw is None else f"{number(self.raw)} ({self.raw_is})"
        goal = f"{self.goal[0]} {number(self.goal[1])}" if self.goal else ""
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return [self.what, f"{number(self.ours)} {self.unit}", raw, ratio, goal, met, self.note]


HEAD = ["what", "ours", "raw limit", "ratio", "goal", "met?", "note"]


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(figures: Sequence[Figure]) -> str:
    """The figures as Markdown."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spread(values: Sequence[float]) -> str:
    """The smallest and the largest of some repeats."""
    return "" if len(values) < 2 else f"{len(values)} runs, {number(min(values))} to {number(max(values))}"


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)
