"""`make reset`: throw away what an installation on this machine keeps."""

import argparse
import shutil
import sys
from pathlib import Path

from deploy.child import CannotStartError, Child
from deploy.state import State
from deploy.supervisor import CHECKOUT


def main() -> int:
    """Ask, make sure that nothing runs, remove."""
    parser = argparse.ArgumentParser(prog="python -m deploy.reset")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--root", type=Path, default=CHECKOUT / ".local")
    options = parser.parse_args()
    root = options.root.resolve()
    if not root.exists():
        print("There is nothing to throw away.")
        return 0
    if not options.yes and input(f"Throw away every order, payment and mail in {root}? [y/N] ").strip().lower() != "y":
        print("Nothing was changed.")
        return 1
    try:
        lock = State(root).lock()
    except CannotStartError as running:
        print(f"{running} Stop it first.", file=sys.stderr)
        return 1
    with lock:
        remove(root)
    print(f"{root} is as new.")
    return 0


def remove(root: Path) -> None:
    """End what a killed supervisor left, then delete everything but Kafka's jars."""
    for pid_file in root.rglob("*.pid"):
        if pid_file.name != "postmaster.pid":
            Child(pid_file.stem, [], pid_file.with_suffix(".log")).clear_leftover()
    for entry in root.iterdir():
        if entry.name == "kafka":
            for inside in entry.iterdir():
                if inside.name not in ("lib", "fetch.lock"):
                    _delete(inside)
        elif entry.name != "lock":
            _delete(entry)


def _delete(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
