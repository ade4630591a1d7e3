"""Says how far it is: one line that moves on a terminal, a line every few seconds elsewhere."""

import sys
import time

EVERY = 5.0
BAR = 28


class Progress:
    """Lines for a person. `shown` replaces the last one on a terminal; `say` stays."""

    def __init__(self) -> None:
        """Nothing is shown yet."""
        self._moves = sys.stdout.isatty()
        self._last = float("-inf")
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began

    def say(self, text: str) -> None:
        """A line that stays."""
        print(f"\r\033[K{text}" if self._moves else text, flush=True)

    def shown(self, done: int, of: int, text: str) -> None:
        """How much of it is done, and where the rest is."""
        filled = BAR * done // max(of, 1)
        if self._moves:
            print(f"\r\033[K[{'█' * filled}{'░' * (BAR - filled)}] {text}", end="", flush=True)
        elif time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            print(f"{self.seconds:5.0f} s  {text}", flush=True)
