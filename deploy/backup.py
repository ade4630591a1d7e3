"""A physical backup of the whole installation: every database is on one PostgreSQL server, so it is one instant.

python -m deploy.backup DIRECTORY
The server is POSTGRES_URL's (a role that may REPLICATE), or the one that `make run` started here. While it runs
the system goes on. DIRECTORY is new; it holds `data` (what `pg_basebackup` wrote) and `backup.json`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from deploy.child import CannotStartError
from deploy.environment import ports_from_environment
from deploy.postgres import find_binaries
from deploy.system import HOST

FILE = "backup.json"


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup. `since`: what others did before that moment is in it for certain."""

    folder: Path
    since: datetime
    seconds: float
    size: int

    @property
    def data(self) -> Path:
        """The server's data directory as it was."""
        return self.folder / "data"

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read one; CannotStartError where there is none, or none that was finished."""
        try:
            told = json.loads((folder / FILE).read_text())
            return cls(folder, datetime.fromisoformat(told["since"]), told["seconds"], told["size"])
        except (OSError, ValueError, KeyError) as error:
            raise CannotStartError(f"{folder} holds no finished backup: {error}") from error


def take(url: str, folder: Path) -> Backup:
    """Copy the whole server while it runs, with the WAL that makes the copy one instant; checked before it is said."""
    program = find_binaries().joinpath("pg_basebackup")
    if not program.exists():
        raise CannotStartError(f"{program} is missing. On Debian: apt-get install postgresql")
    if folder.exists() and any(folder.iterdir()):
        raise CannotStartError(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    since = datetime.now(UTC)
    _run([program, "-d", url, "-D", folder / "data", "-X", "stream", "-c", "fast", "--no-password"])
    verify(folder / "data")
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    backup = Backup(folder, since, round((datetime.now(UTC) - since).total_seconds(), 1), size)
    told = {name: str(value) if name == "since" else value for name, value in asdict(backup).items()}
    told.pop("folder")
    (folder / FILE).write_text(json.dumps(told, indent=2) + "\n")
    return backup


def verify(data: Path) -> None:
    """Every file is as the backup's own manifest says."""
    _run([find_binaries(int((data / "PG_VERSION").read_text())).joinpath("pg_verifybackup"), "--quiet", data])


def copy(data: Path, target: Path, *, like: Path) -> None:
    """Copy a data directory whole or not at all, for the owner of `like`."""
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(data, new, symlinks=True)
    owner = like.stat()
    if os.geteuid() == 0:
        for place in (new, *new.rglob("*")):
            os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)
    new.chmod(0o700)
    new.rename(target)


def _run(command: list[str | Path]) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    done = subprocess.run([str(word) for word in command], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotStartError(f"{Path(command[0]).name} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")


def main() -> int:
    """Take a backup, say where it is."""
    parser = argparse.ArgumentParser(prog="python -m deploy.backup", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    url = (
        os.environ.get("POSTGRES_URL")
        or f"postgresql://postgres@{HOST}:{ports_from_environment()['postgres']}/postgres"
    )
    try:
        backup = take(url, options.directory.resolve())
    except CannotStartError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{backup.folder}: {backup.size / 2**20:.0f} MB in {backup.seconds} s; to restore it: docs/restore.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
