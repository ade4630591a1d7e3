"""What the rooms above do whenever an order moves. Lifecycle does not know them: orders/wiring.py says it once.

Without it no order moves, so that nobody can forget the rules, the profit or the read table.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from libs.events.transaction import Transaction
from services.orders.lifecycle.change import Change

Act = Callable[[Transaction, Change], Awaitable[None]]
ActOnAll = Callable[[Transaction, Sequence[Change]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rooms:
    """Who takes part, always in the order's own transaction and under its lock.

    judge: sets `order.judged` before an order completes. listens: which of these topics a rule waits for. react:
    takes what is in `change.told` and does what the rules say (it may change the order and let it speak). follow:
    writes what is read instead of orders, once, after the orders themselves were saved.
    """

    judge: Act
    listens: Callable[[Transaction, Collection[str]], Awaitable[frozenset[str]]]
    react: ActOnAll
    follow: tuple[ActOnAll, ...]


_wired: list[Rooms] = []


def wire(rooms: Rooms) -> None:
    """Say who takes part."""
    _wired[:] = [rooms]


def rooms() -> Rooms:
    """Who takes part; RuntimeError before anybody has said so."""
    if not _wired:
        raise RuntimeError("import services.orders.wiring before an order moves")
    return _wired[0]
