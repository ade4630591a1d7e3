"""What the rooms above do whenever an order moves. Lifecycle does not know them: orders/wiring.py says it once.

Without it no order moves, so that nobody can forget the rules, the profit or the read table.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from libs.events.transaction import Transaction
from services.orders.lifecycle.change import Change

Act = Callable[[Transaction, Change], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rooms:
    """Who takes part, always in the order's own transaction and under its lock.

    judge: sets `order.judged` before an order completes. listens: whether a rule waits for facts of a topic. react:
    takes what is in `change.told` and does what the rules say (it may change the order and let it speak). follow:
    writes what is read instead of orders, once, after the orders themselves were saved; a bulk call brings many.
    """

    judge: Act
    listens: Callable[[Transaction, str], Awaitable[bool]]
    react: Act
    follow: tuple[Callable[[Transaction, Sequence[Change]], Awaitable[None]], ...]


_wired: list[Rooms] = []


def wire(rooms: Rooms) -> None:
    """Say who takes part."""
    _wired[:] = [rooms]


def rooms() -> Rooms:
    """Who takes part; RuntimeError before anybody has said so."""
    if not _wired:
        raise RuntimeError("import services.orders.wiring before an order moves")
    return _wired[0]
