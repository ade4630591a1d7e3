"""A promise that was looked at, and what it was looked at in."""

from dataclasses import dataclass, field
from typing import Any

Rows = list[Any]


@dataclass
class Seen:
    """Everything a proof may look at: rows by the name of their question, and what others say that they did."""

    rows: dict[str, Rows]
    captured: Rows
    parcels: Rows
    mails: Rows
    given_up: Rows = field(default_factory=list)  # AWBs that the courier was asked to forget, and did


@dataclass
class Proof:
    """A promise, how many things it was tried on, and where it is broken."""

    promise: str
    tried: int = 0
    broken: list[str] = field(default_factory=list)

    def expect(self, holds: bool, words: str) -> None:  # noqa: FBT001 - the one thing it is asked
        """One more thing was looked at."""
        self.tried += 1
        if not holds:
            self.broken.append(words)
