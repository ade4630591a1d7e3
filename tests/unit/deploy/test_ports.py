"""Ports for what we start: each is given once, also when several processes ask at once, and two never share one."""

import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from deploy import ports
from deploy.child import CannotStartError
from deploy.ports import free_port, require_apart, require_free

CHECKOUT = Path(__file__).parents[3]
MANY = 1_500  # drawn by chance of 12,000, some would come twice
ASKING = f"""
import sys
from deploy.ports import free_port
print(*(free_port() for _ in range({MANY})), flush=True)
sys.stdin.read()
"""


def test_no_port_is_given_twice_here_or_to_another_process_that_lives() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", ASKING], cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    given = [free_port() for _ in range(100)]
    for other in others:
        assert other.stdout is not None
        given += map(int, other.stdout.readline().split())
    for other in others:
        other.communicate()
    assert len(set(given)) == len(given) == 100 + 3 * MANY


def test_the_ports_that_follow_one_are_free_and_given_with_it() -> None:
    given = sorted(free_port(following=5) for _ in range(40))
    assert all(later - earlier > 5 for earlier, later in pairwise(given))


def test_where_one_of_several_ports_is_taken_others_are_given() -> None:
    taken = set[int]()
    with ExitStack() as stack:
        for _ in range(50):
            port = free_port(following=3)
            assert not taken & set(range(port, port + 4))
            middle = stack.enter_context(socket.socket())
            with suppress(OSError):  # somebody else has it: taken as well
                middle.bind(("127.0.0.1", port + 5))  # the middle of what comes next
            taken.add(port + 5)


def test_a_system_without_names_for_blocks_gives_ports_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NAME", "/there/is/no/such/folder/{}"), ("_mine", set()), ("_left", [])):
        monkeypatch.setattr(ports, name, value)
    given = {free_port(following=ports.BLOCK // 2) for _ in range(40)}
    assert len(given) == 40


def test_a_taken_port_is_an_error_that_names_port_and_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotStartError, match=rf"Port {port}, meant for orders.*ORDERS_PORT=PORT make run"):
            require_free(port, "orders", "ORDERS_PORT")
    require_free(port, "orders", "ORDERS_PORT")


def test_two_that_are_meant_for_one_port_are_an_error_that_names_both_and_the_setting() -> None:
    require_apart({"orders": 8001, "payments": 8002})
    with pytest.raises(
        CannotStartError, match=r"Port 8001 is meant for orders and for payments.*PAYMENTS_PORT=PORT make run"
    ):
        require_apart({"orders": 8001, "shipping": 8002, "payments": 8001})
