"""Directories for the servers that tests start, in memory where there is room; what killed runs left is cleared."""

import os
import shutil
import tempfile
from pathlib import Path

from deploy.child import Child

PREFIX = "comanda-test-"
ROOM = 2 * 1024**3


def scratch() -> Path:
    """A new directory that belongs to this process; remove it when done."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOM
    parent = memory if roomy else Path(tempfile.gettempdir())
    for stale in parent.glob(f"{PREFIX}*"):
        if not _owner_lives(stale):
            for pid_file in stale.rglob("*.pid"):
                Child(pid_file.stem, [], pid_file.with_suffix(".log")).clear_leftover(grace=5)
            shutil.rmtree(stale, ignore_errors=True)
    directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    (directory / "owner").write_text(str(os.getpid()))
    return directory


def _owner_lives(directory: Path) -> bool:
    try:
        os.kill(int((directory / "owner").read_text()), 0)
    except FileNotFoundError:
        return True  # just being made
    except (OSError, ValueError):
        return False
    return True
