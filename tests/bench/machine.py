"""The machine's shape, without which no figure says anything."""

import os
import platform
import subprocess
from pathlib import Path

from deploy.postgres import find_binaries


def shape(data: Path) -> dict[str, str]:
    """Processor, cores, memory, the file system under the data, and versions."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next(int(line.split()[1]) for line in _read("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "processor": processor,
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / 1024**2:.1f} GB",
        "data on": _file_system(data),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": _said(str(find_binaries(None) / "postgres"), "--version").removeprefix("postgres (PostgreSQL) "),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
    }


def load() -> str:
    """How busy the machine is: a figure taken beside other work says little."""
    return ", ".join(f"{value:.1f}" for value in os.getloadavg())


def _file_system(path: Path) -> str:
    words = [line.split() for line in _read("/proc/self/mounts")]
    under = [row for row in words if str(path.resolve()).startswith(row[1].rstrip("/") + "/") or row[1] == "/"]
    found = max(under, key=lambda row: len(row[1]))
    return f"{found[2]} ({found[0]})"


def _said(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _read(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()
