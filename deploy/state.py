"""What an installation on this machine keeps in `.local/`: data, logs, passwords, development keys."""

import fcntl
import json
import os
import secrets
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from deploy.child import CannotStartError
from deploy.system import ROLES

DEVELOPMENT_ROLES = ("operator", "manager", "erp", "storefront", "dashboards")
SHOWN = ("COMANDA_MODE", "EVENTS_BUS")
LARGEST_LOG = 20 * 1024**2


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one installation."""

    root: Path

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.root / "log"

    def log(self, name: str) -> Path:
        """A process's log; a large one from earlier is put aside."""
        self.logs.mkdir(parents=True, exist_ok=True)
        file = self.logs / f"{name}.log"
        if file.exists() and file.stat().st_size > LARGEST_LOG:
            file.replace(file.with_suffix(".log.1"))
        return file

    def passwords(self) -> dict[str, str]:
        """Each database role's password, made once."""
        return self._secrets("passwords.json", ROLES, "")

    def development_keys(self) -> dict[str, str]:
        """An API key for each role that a developer needs, made once."""
        return self._secrets("development-keys.json", DEVELOPMENT_ROLES, "dev_{name}_")

    def lock(self) -> TextIOWrapper:
        """Keep a second supervisor away from this folder for as long as the answer is open."""
        self.root.mkdir(parents=True, exist_ok=True)
        held = (self.root / "lock").open("a+")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            owner = held.read().strip()
            held.close()
            raise CannotStartError(f"It runs already (process {owner}); its state is in {self.root}.") from None
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        return held

    def write_environment(self, told: Mapping[str, str]) -> None:
        """Variables for commands beside a running system: `set -a; . .local/environment`."""
        ours = {name: value for name, value in told.items() if name.endswith("_DATABASE_URL") or name in SHOWN}
        lines = (f"{name}={shlex.quote(value)}\n" for name, value in sorted(ours.items()))
        _write_secret(self.root / "environment", "".join(lines))

    def _secrets(self, name: str, wanted: Iterable[str], prefix: str) -> dict[str, str]:
        file = self.root / name
        known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
        if absent := [each for each in wanted if each not in known]:
            known |= {each: prefix.format(name=each) + secrets.token_urlsafe(24) for each in absent}
            _write_secret(file, json.dumps(known, indent=2) + "\n")
        return known


def _write_secret(file: Path, text: str) -> None:
    """Whole or not at all, and for its owner's eyes only."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(file)
