"""The short form of the benchmark, so that none of it rots; what it measures is looked at by nobody."""

import asyncio
import sys
from pathlib import Path

import pytest

from deploy.supervisor import CHECKOUT
from tests.bench.__main__ import EXPERIMENTS


async def measured(folder: Path, *arguments: str) -> tuple[str, str]:
    """The report of a short run, and what it said on its way."""
    report = folder / "report.md"
    command = [sys.executable, "-m", "tests.bench", "--short", "--report", str(report), *arguments]
    running = await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await running.communicate()
    finally:
        if running.returncode is None:
            running.kill()
    assert running.returncode == 0, output.decode()[-8000:]
    return report.read_text(encoding="utf-8"), output.decode()


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_every_experiment_of_the_benchmark_runs_and_is_reported(tmp_path: Path) -> None:
    """Half of them beside the other half: what takes turns with whom is no matter where figures are of no worth."""
    names, parts = list(EXPERIMENTS), [tmp_path / "first", tmp_path / "second"]
    middle = names.index("bulk")
    chosen = [[f"--only={name}" for name in part] for part in (names[:middle], names[middle:])]
    for part in parts:
        part.mkdir()
    told = await asyncio.gather(*(measured(part, *only) for part, only in zip(parts, chosen, strict=True)))
    report, output = ("".join(texts) for texts in zip(*told, strict=True))
    assert all(f"--- {name}\n" in output for name in EXPERIMENTS), output
    for row in (
        "place order over HTTP, 32 clients",
        "relay, embedded",
        "webhook verified",
        "the month: delivered",
        "PSS",
    ):
        assert row in report, report
    for fact in ("processor", "memory", "PostgreSQL", "commit"):
        assert f"| {fact} | " in report, report


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_the_benchmark_of_the_kernel_runs_on_kafka(tmp_path: Path) -> None:
    report, _ = await measured(tmp_path, "--bus", "kafka", "--only", "relay", "--only", "consume")
    assert "aiokafka producer" in report
    assert "consumer with inbox, kafka" in report
