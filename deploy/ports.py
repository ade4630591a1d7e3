"""Ports of 127.0.0.1 for what we start: free now, and given once."""

import errno
import random
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from deploy.child import CannotStartError

BELOW = 12_000
BLOCK = 100
NAME = "\0comanda-ports-{}"  # of Linux alone; it leaves no file
PORTS_GIVEN = Path("/proc/sys/net/ipv4/ip_local_port_range")

_lock = threading.Lock()
_mine: set[int] = set()  # where blocks begin
_left: list[int] = []


def free_port(following: int = 0) -> int:
    """A port that nobody uses now, the `following` ones after it as well; never the same one twice.

    No other process of this machine that asks here is given it while this one lives. It lies below those that the
    system gives to whoever connects somewhere, so that no connection takes it before it is listened on.
    CannotStartError where none is left.
    """
    with _lock:
        while True:
            while len(_left) > following:
                ports = [_left.pop(0) for _ in range(following + 1)]
                if all(map(_free, ports)):
                    return ports[0]
            _left[:] = _block()


def require_free(port: int, what: str, setting: str, host: str = "127.0.0.1") -> None:
    """Refuse clearly when somebody else has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as taken:
            raise CannotStartError(
                f"Port {port}, meant for {what}, cannot be used ({taken.strerror}). "
                f"Free it, or choose another one: {setting}=PORT make run"
            ) from taken


def require_apart(meant: Mapping[str, int]) -> None:
    """Refuse clearly when two are meant to listen on one port: one would answer for both, and the other never start."""
    first: dict[int, str] = {}
    for name, port in meant.items():
        if (other := first.setdefault(port, name)) != name:
            raise CannotStartError(
                f"Port {port} is meant for {other} and for {name}. "
                f"Choose another one for either: {name.upper()}_PORT=PORT make run"
            )


def _block() -> list[int]:
    """Ports that no other process has been given."""
    first = _first_given()
    starts = list(range(first - BELOW, first, BLOCK))
    random.SystemRandom().shuffle(starts)  # never of a seed: two that share one would meet
    for start in starts:
        if start not in _mine and _claimed(start):
            _mine.add(start)
            return list(range(start, start + BLOCK))
    raise CannotStartError(f"every port from {first - BELOW} to {first - 1} is taken or given")


def _claimed(start: int) -> bool:
    """Whether the block is this process's, for as long as it lives: it is whoever's who binds its name first."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(NAME.format(start))
    except OSError as error:
        name.close()
        return error.errno != errno.EADDRINUSE  # a system without such names: chance alone keeps processes apart
    name.detach()  # open from now on
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _first_given() -> int:
    """Where the ports begin that the system gives to connections."""
    try:
        return max(BELOW + 1024, int(PORTS_GIVEN.read_text(encoding="ascii").split()[0]))
    except (OSError, ValueError):
        return 32768  # Linux's own
