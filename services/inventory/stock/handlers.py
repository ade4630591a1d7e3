"""Commands about levels: goods come, figures are pushed; and what every change of a level brings with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.contracts.common import Quantity, Stuck, WorkCleared, WorkStuck
from libs.events.contract import Event
from libs.events.transaction import Cause, Transaction
from services.inventory.stock import store
from services.inventory.stock.domain import Level, Place, not_covered
from services.inventory.tables import UncoveredRow


@dataclass(frozen=True, slots=True)
class Figure:
    """How many there are of an item in a depot, as somebody who knows says."""

    place: Place
    on_hand: int
    buffer: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row of a call: `set`, `received`, `noop` or `refused`, and why."""

    result: str
    detail: str | None = None
    level: Level | None = None


async def save(tx: Transaction, levels: Sequence[Level], causes: Mapping[Place, Cause] | None = None) -> None:
    """Write those that changed, say which orders are not covered any more or again, and tell the world.

    `causes`: what moved each of them last, where that differs. The last thing of a command: allocations are written,
    and the levels stay locked from before until the commit.
    """
    changed = sorted((level for level in levels if level.changed), key=lambda level: level.place)
    if not changed:
        return
    await store.write(tx, changed)
    if doubtful := [level for level in changed if level.shortage or level.uncovered]:
        await _look_for_cover(tx, doubtful, causes or {})
    facts = [(level, level.fact()) for level in changed]
    await tx.emit_all(facts, [causes[level.place] for level in changed] if causes else ())


async def _look_for_cover(tx: Transaction, levels: Sequence[Level], causes: Mapping[Place, Cause]) -> None:
    """Compare who is not covered with who was said not to be, and say the difference."""
    places = [level.place for level in levels]
    said = await store.uncovered(tx, places)
    held = await store.holders(tx, places)
    now = {
        (order, level.place): found
        for level in levels
        for order, found in not_covered(level.shortage, held[level.place]).items()
    }
    marks = [(order, place, part) for (order, place), (_, part) in now.items() if said.get((order, place)) != part]
    marks += [(order, place, 0) for order, place in said.keys() - now.keys()]
    await store.note_shortage(tx, levels)
    facts: list[tuple[UncoveredRow, Event]] = []
    for work, order, place, version, since in await store.mark_uncovered(tx, marks) if marks else ():
        row = UncoveredRow(id=work, order_id=order, sku=place.sku, depot=place.depot)
        if (order, place) not in now:
            facts.append((row, WorkCleared(work=work, version=version, service="inventory", order_id=order)))
            continue
        holder, part = now[order, place]
        what = f"{Quantity(part).text} of {place.sku} reserved in {place.depot} for {holder.number} not on hand"
        stuck = WorkStuck(
            work=work,
            version=version,
            service="inventory",
            order_id=order,
            kind=Stuck.NOT_COVERED,
            what=what,
            since=since,
        )
        facts.append((row, stuck))
    await tx.emit_all(facts, [causes.get(Place(row.sku, row.depot), tx.cause) for row, _ in facts])


async def set_figures(tx: Transaction, figures: Sequence[Figure], push: UUID) -> list[Outcome]:
    """Set on hand (and buffer, where given) of up to some hundred places, each named once; one outcome for each figure.

    A figure below what is reserved is taken: who pushes it knows better what is there.
    """
    levels = await store.opened(tx, [figure.place for figure in figures])
    outcomes = []
    for figure in figures:
        level = levels.get(figure.place)
        if level is None:
            outcomes.append(Outcome("refused", f"there is no depot {figure.place.depot}"))
            continue
        level.count(figure.on_hand, f"push/{push}")
        if figure.buffer is not None:
            level.keep_back(figure.buffer)
        outcomes.append(Outcome("set" if level.changed else "noop", level=level))
    await save(tx, list(levels.values()))
    return outcomes


async def receive(tx: Transaction, depot: str, quantities: dict[str, int], reference: str) -> dict[str, Outcome]:
    """Goods came to a depot, by SKU, with a paper; what a paper's reference brought once it never brings again."""
    levels = await store.opened(tx, [Place(sku, depot) for sku in quantities])
    source = f"receipt/{reference}"
    known = await store.moved_before(tx, levels.values(), source)
    outcomes = {}
    for place, level in levels.items():
        if place in known:
            outcomes[place.sku] = Outcome("noop", "received before with this reference", level)
        else:
            level.receive(quantities[place.sku], source, reference)
            outcomes[place.sku] = Outcome("received", level=level)
    await save(tx, list(levels.values()))
    return outcomes


def wake_after(tx: Transaction, *loops: Callable[[], None]) -> None:
    """Ring these loops once the commit is certain."""
    for ring in loops:
        tx.after_commit(ring)
