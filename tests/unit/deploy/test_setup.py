"""`make setup` says exactly what only the system can give."""

import subprocess
from pathlib import Path

import pytest

from deploy.supervisor import CHECKOUT

NEW = "case \"$*\" in *version_info*) exit 0;; *ensurepip*) exit {venv};; --version) echo 'Python 3.11.2';; esac"
OLD = "case \"$*\" in *version_info*) exit 1;; --version) echo 'Python 3.9.2';; esac"


def setup(python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(CHECKOUT / "deploy" / "setup.sh"), python], cwd=folder, capture_output=True, text=True, check=False
    )


def fake(folder: Path, script: str) -> str:
    program = folder / "python3"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (NEW.format(venv=1), "\n    apt-get install python3-venv\n"),
        (OLD, "Python 3.9.2 is too old: 3.11 or newer is needed"),
    ],
    ids=["Debian splits venv", "too old"],
)
def test_what_is_missing_is_named_and_nothing_is_made(tmp_path: Path, script: str, said: str) -> None:
    done = setup(fake(tmp_path, script), tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_no_python_at_all_is_said() -> None:
    done = setup("/nowhere/python3", CHECKOUT)
    assert "apt-get install python3 python3-venv" in done.stderr
