"""One program that we started: its own process group, one log file, and no leftovers after a crash of ours."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path


class CannotStartError(Exception):
    """Something that must run does not; the message says what and what to do about it."""


class Child:
    """A program under our care.

    `start` clears away what an earlier supervisor, killed at the wrong moment, left running under the same pid file:
    it is recognised by pid and start time, so nobody else's process is ever touched.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(os.environ if env is None else env)
        self.user = user
        self.stop_signal = stop_signal
        self.cwd = cwd
        self.pid_file = log.with_suffix(".pid")
        self._process: subprocess.Popen[bytes] | None = None
        self._born = 0

    @property
    def pid(self) -> int:
        """The running process's id."""
        if self._process is None:
            raise CannotStartError(f"{self.name} was never started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        """Is it running?"""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; output is appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.clear_leftover()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                user=self.user,
                cwd=self.cwd,
                start_new_session=True,
            )
        self._born = _started(self._process.pid)
        self.pid_file.write_text(f"{self._process.pid} {self._born}")

    def clear_leftover(self, grace: float = 10) -> None:
        """End what is left of an earlier run of this very program, and of its children."""
        self.kill()
        with suppress(FileNotFoundError, ValueError):
            pid, started = self.pid_file.read_text().split()
            if started != "0" and _started(int(pid)) == int(started):
                _signal_group(int(pid), self.stop_signal)
                if not wait_until(lambda: _started(int(pid)) != int(started), grace):
                    _signal_group(int(pid), signal.SIGKILL)
                    wait_until(lambda: _started(int(pid)) != int(started), grace)
        self.pid_file.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        self._signal(self.stop_signal)

    def stop(self, grace: float = 20) -> bool:
        """Ask it to end, and make it when it does not; says whether it ended by itself."""
        self.ask_to_stop()
        ended = wait_until(lambda: not self.alive, grace)
        self.kill()
        return ended

    def kill(self) -> None:
        """End it with SIGKILL, its whole group, and wait until it is gone."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self.pid_file.unlink(missing_ok=True)

    def _signal(self, number: signal.Signals) -> None:
        """To its whole group, or what is left of it; not to whoever has its number since it ended."""
        if self._process is not None and _started(self._process.pid) in (0, self._born):
            _signal_group(self._process.pid, number)

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _started(pid: int) -> int:
    """When the process started, in the kernel's ticks; 0 when there is none (or it is only a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; False when it did not come in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
