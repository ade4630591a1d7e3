"""Which goods leave which depot: what the order wants there, less what shipments hold. In thousandths."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from libs.contracts.orders import LineSnapshot

Lines = dict[UUID, int]
Held = Iterable[tuple[str, Lines]]
Wanted = Mapping[tuple[str, UUID], int]
"""By depot and line."""

THOUSAND = 1000


def wanted(lines: Sequence[LineSnapshot], held: Held) -> Wanted:
    """What must leave each depot in all, whatever has left: allocations, never more than is not cut.

    Where inventory has not followed a cut yet, what shipments hold stays, then depots by their codes.
    """
    holding = _summed(held)
    found: dict[tuple[str, UUID], int] = {}
    for line in lines:
        left = max(int(line.ordered) - int(line.cut), 0) if line.ships else 0
        depots = sorted(line.allocations, key=lambda depot: (not holding[depot, line.id], depot))
        for depot in depots:
            take = min(int(line.allocations[depot]), left)
            if take > 0:
                found[depot, line.id] = take
                left -= take
    return found


def missing(want: Wanted, held: Held) -> dict[str, Lines]:
    """What is wanted and in no shipment, by depot."""
    holding = _summed(held)
    found: dict[str, Lines] = {}
    for (depot, line), quantity in want.items():
        if quantity > holding[depot, line]:
            found.setdefault(depot, {})[line] = quantity - holding[depot, line]
    return found


def excess(want: Wanted, held: Held) -> set[tuple[str, UUID]]:
    """Where shipments hold more than is wanted."""
    return {place for place, quantity in _summed(held).items() if quantity > want.get(place, 0)}


def weight(lines: Sequence[LineSnapshot], taken: Lines) -> int:
    """Grams of these quantities; lines without a weight count nothing."""
    by_id = {line.id: line.weight_g or 0 for line in lines}
    return sum(by_id.get(line, 0) * quantity // THOUSAND for line, quantity in taken.items())


def _summed(held: Held) -> Counter[tuple[str, UUID]]:
    sums: Counter[tuple[str, UUID]] = Counter()
    for depot, lines in held:
        for line, quantity in lines.items():
            sums[depot, line] += quantity
    return sums
