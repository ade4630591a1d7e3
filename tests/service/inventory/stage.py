"""Orders, goods and channels to play with, and what a test reads back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from libs.contracts.common import Money, Quantity
from libs.contracts.orders import (
    ChannelChanged,
    Lifecycle,
    LineSnapshot,
    OnShortage,
    OrderCreated,
    OrderFact,
    OrderSnapshot,
)
from libs.events.bus import Record
from libs.events.testing import record_of
from libs.events.transaction import Cause, Transaction, UnitOfWork, new_id
from services.inventory.catalogue import handlers as catalogue
from services.inventory.consumers import consumer
from services.inventory.stock import handlers as stock
from services.inventory.stock.domain import Place

ZERO = Money(0, "EUR")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAUSE = Cause(actor="system:test")


def pieces(count: float) -> Quantity:
    """That many pieces, as thousandths."""
    return Quantity(round(count * 1000))


def a_line(sku: str, ordered: float, **more: Any) -> LineSnapshot:
    """A line; quantities in pieces."""
    for name in ("cut", "shipped", "returned"):
        if name in more:
            more[name] = pieces(more[name])
    for name in ("shipped_from", "returned_to"):
        if name in more:
            more[name] = {depot: pieces(count) for depot, count in more[name].items()}
    given: dict[str, Any] = {"id": new_id(), "name": sku, "unit": "pcs", "unit_price": ZERO, "total": ZERO} | more
    return LineSnapshot(sku=sku, ordered=pieces(ordered), **given)


def an_order(*lines: LineSnapshot, minute: int = 0, wait: bool = False, **more: Any) -> OrderSnapshot:
    """An open order, placed `minute` minutes after noon."""
    given: dict[str, Any] = {
        "id": new_id(),
        "number": "WEB-1",
        "version": 1,
        "channel": "web",
        "language": "en",
        "placed_at": NOON + timedelta(minutes=minute),
        "on_shortage": OnShortage.WAIT if wait else OnShortage.REJECT,
        "lifecycle": Lifecycle.OPEN,
        "stock": "pending",
        "payment": "pending",
        "fulfilment": "none",
        "currency": "EUR",
    }
    money = dict.fromkeys(("goods", "delivery", "charges", "discounts", "total", "due_on_delivery"), ZERO)
    return OrderSnapshot(**(given | money | more), lines=lines)


def then(order: OrderSnapshot, *, line: Mapping[str, Any] | None = None, **more: Any) -> OrderSnapshot:
    """The order's next version; `line` changes all its lines, quantities in pieces."""
    lines = order.lines
    if line is not None:
        lines = tuple(a_line(**_said(each) | dict(line)) for each in order.lines)
    return order.model_copy(update={"version": order.version + 1, "lines": lines} | more)


def _said(line: LineSnapshot) -> dict[str, Any]:
    said = {name: getattr(line, name) for name in ("id", "sku", "ships")}
    said |= {name: getattr(line, name) / 1000 for name in ("ordered", "cut", "shipped", "returned")}
    for name in ("shipped_from", "returned_to"):
        said[name] = {depot: quantity / 1000 for depot, quantity in getattr(line, name).items()}
    return said


def told(order: OrderSnapshot, fact: type[OrderFact] = OrderCreated, **more: Any) -> Record:
    """The order as a fact in a record."""
    return record_of(fact(order=order, **more), aggregate=order.id, sequence=order.version)


async def tell(uow: UnitOfWork, *orders: OrderSnapshot) -> None:
    """Tell inventory of these, each in a transaction of its own."""
    for order in orders:
        await consumer.deliver(uow, told(order))


async def given_depots(uow: UnitOfWork, *codes: str) -> None:
    """Depots, the first one asked first."""
    async with uow(CAUSE) as tx:
        for priority, code in enumerate(codes):
            await catalogue.put_depot(tx, code, {"priority": priority}, None)


async def given_channel(uow: UnitOfWork, code: str, *depots: str, version: int = 1) -> None:
    """A channel as orders tells of it."""
    channel = ChannelChanged(
        id=UUID(int=len(code)),
        version=version,
        code=code,
        name=code,
        kind="web",
        seller="shop",
        seller_name="Shop",
        languages=("en",),
        currency="EUR",
        time_zone="UTC",
        depots=depots,
    )
    await consumer.deliver(uow, record_of(channel, noun="channel"))


async def given_stock(uow: UnitOfWork, figures: Mapping[tuple[str, str], float]) -> None:
    """On hand, by SKU and depot, in pieces."""
    async with uow(CAUSE) as tx:
        rows = [stock.Figure(Place(*place), pieces(count)) for place, count in sorted(figures.items())]
        await stock.set_figures(tx, rows, new_id())


async def levels(uow: UnitOfWork) -> dict[tuple[str, str], tuple[float, float]]:
    """On hand and reserved, in pieces, of every level."""
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT sku, depot, on_hand, reserved FROM stock_level")
    return {(row["sku"], row["depot"]): (row["on_hand"] / 1000, row["reserved"] / 1000) for row in rows}


async def states(uow: UnitOfWork) -> Counter[str]:
    """How many reservations are in which state."""
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT state, count(*) AS n FROM reservation GROUP BY state")
    return Counter({row["state"]: row["n"] for row in rows})


async def state_of(uow: UnitOfWork, order: OrderSnapshot) -> str | None:
    """The state of an order's reservation."""
    async with uow(CAUSE) as tx:
        state: str | None = await tx.sql.fetchval("SELECT state FROM reservation WHERE order_id = $1", order.id)
    return state


async def facts(uow: UnitOfWork, prefix: str = "stock.") -> list[str]:
    """The topics of what waits in the outbox, in order."""
    async with uow(CAUSE) as tx:
        rows = await tx.sql.fetch("SELECT type FROM outbox WHERE type LIKE $1 || '%' ORDER BY seq", prefix)
    return [row["type"] for row in rows]


async def check_books(tx: Transaction) -> None:
    """What must hold at every moment: the ledger's sums are the levels, and promises are what orders hold."""
    wrong: Sequence[Any] = await tx.sql.fetch(
        """SELECT s.sku, s.depot, s.on_hand, s.reserved, s.quarantine, m.on_hand AS moved, m.quarantine AS kept, a.held
           FROM stock_level s
           LEFT JOIN LATERAL (SELECT coalesce(sum(quantity) FILTER (WHERE bucket = 'on_hand'), 0) AS on_hand,
                                     coalesce(sum(quantity) FILTER (WHERE bucket = 'quarantine'), 0) AS quarantine
                              FROM movement WHERE level_id = s.id) m ON true
           LEFT JOIN LATERAL (SELECT coalesce(sum(reserved), 0) AS held FROM allocation
                              WHERE sku = s.sku AND depot = s.depot) a ON true
           WHERE s.on_hand <> m.on_hand OR s.quarantine <> m.quarantine OR s.reserved <> a.held
              OR s.on_hand < 0 OR s.reserved < 0"""
    )
    assert not wrong, wrong
    half = await tx.sql.fetch(
        """SELECT r.order_id, r.state, sum(l.wanted) AS wanted, sum(a.held) AS held, sum(a.gone) AS gone
           FROM reservation r JOIN reservation_line l ON l.reservation_id = r.id
           LEFT JOIN LATERAL (SELECT coalesce(sum(reserved), 0) AS held, coalesce(sum(deducted), 0) AS gone
                              FROM allocation WHERE reservation_id = r.id AND line_id = l.line_id) a ON true
           GROUP BY r.id HAVING sum(a.held) <> 0 AND (r.state <> 'reserved' OR sum(a.held + a.gone) <> sum(l.wanted))"""
    )
    assert not half, half
    queued = await tx.sql.fetchval(
        """SELECT count(*) FROM (SELECT DISTINCT order_id FROM backlog) b
           FULL JOIN (SELECT order_id FROM reservation WHERE state = 'waiting') r USING (order_id)
           WHERE b IS NULL OR r IS NULL"""
    )
    assert queued == 0
