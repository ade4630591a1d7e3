"""The one command: everything starts, stops cleanly, and starts again from its state. Crashes: test_month.py."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.child import CannotStartError, wait_until
from deploy.environment import free_ports
from deploy.kafka import Kafka
from deploy.supervisor import CHECKOUT, System
from deploy.system import PORTS, SERVICE_NAMES
from tests.e2e.starting import EVERYWHERE, answers

pytestmark = pytest.mark.timeout(560)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    left = [pid for pid in _running() if str(tmp_path) in _command(pid)]
    assert not left, f"left running: {[_command(pid) for pid in left]}"


async def test_parts_of_a_service_run_as_processes_of_their_own(root: Path) -> None:
    async with System(root, ports=free_ports(), throwaway=True, say=lambda _: None, split=True) as system:
        expected = {f"{service}-{kind}" for service in SERVICE_NAMES for kind in ("api", "worker", "relay")}
        assert expected <= set(system.members)
        assert all(member.alive for member in system.members.values())
        assert await answers(system, "/health/ready") == EVERYWHERE


async def test_a_taken_port_stops_the_start_and_leaves_nothing_running(root: Path) -> None:
    first = free_ports()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", first["shipping"]):
        with pytest.raises(CannotStartError, match=f"Port {first['shipping']}, meant for shipping.*SHIPPING_PORT"):
            await System(root, ports=first, throwaway=True).start()
    same = first | {"shipping": first["orders"]}
    with pytest.raises(CannotStartError, match=f"Port {first['orders']} is meant for orders and for shipping"):
        await System(root, ports=same, throwaway=True).start()


@pytest.mark.kafka
async def test_an_installation_is_not_moved_to_another_bus_by_starting_it(root: Path, kafka: Kafka) -> None:
    """Facts may still be on their way in the old one."""
    ports = free_ports()
    async with System(root, ports=ports, services=("inventory",), throwaway=True, say=lambda _: None):
        pass
    other = System(root, ports=ports, services=("inventory",), bus=kafka.bus, throwaway=True, say=lambda _: None)
    with pytest.raises(CannotStartError, match=r"(?s)inventory has used the bus postgres:.*make reset"):
        await other.start()
    assert not any(member.alive for member in other.members.values())


def test_ctrl_c_stops_everything_and_a_second_start_finds_the_state(root: Path) -> None:
    ports = {f"{name.upper()}_PORT": str(port) for name, port in free_ports().items() if name in PORTS}
    command = [sys.executable, "-m", "deploy.run", "--root", str(root), "--standins", "0"]
    seen: list[str] = []
    for _ in range(2):
        log = root.parent / "out.log"
        with log.open("wb") as out:
            running = subprocess.Popen(
                command, cwd=CHECKOUT, env=os.environ | ports, stdout=out, stderr=out, start_new_session=True
            )
        assert wait_until(lambda: b"Ready after" in log.read_bytes() or running.poll() is not None, 240)  # noqa: B023
        assert running.poll() is None, log.read_text()
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(180) == 0, log.read_text()
        seen.append(log.read_text())
    for text in seen:
        assert f"http://127.0.0.1:{ports['ORDERS_PORT']}" in text
        assert f"mails can be read at http://127.0.0.1:{ports['SMTP_PORT']}" in text
    keys = [[line for line in text.splitlines() if line.strip().startswith("operator")] for text in seen]
    assert keys[0] == keys[1] != []


def _running() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
