"""What an order earned is counted, what it costs is taken in, and at a loss it completes only by a person's word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from libs.contracts.common import CostRecorded, Money
from libs.contracts.inventory import ItemChanged
from libs.contracts.orders import HoldKind
from libs.events.consumer import Heard
from libs.events.transaction import Transaction
from libs.service.call import check_version
from libs.service.problems import NotFound
from services.orders.lifecycle import handlers as orders
from services.orders.lifecycle import store as lifecycle
from services.orders.lifecycle.change import Change
from services.orders.lifecycle.domain import BY, Judged, Order
from services.orders.lifecycle.handlers import NotHeld
from services.orders.lifecycle.learning import News, learn
from services.orders.profit import log, store
from services.orders.profit.domain import Report, Settings, report
from services.orders.profit.sale import sale_of
from services.orders.profit.store import Said

PUT_RIGHT = "it is no loss any more"


@dataclass(frozen=True, slots=True)
class Told:
    """A cost as a person or an ERP states it; `vat` is the part of the amount that may be deducted."""

    kind: str
    source: str
    amount: Money
    vat: Money | None
    actual: bool


async def report_of(tx: Transaction, order: Order) -> Report:
    """What an order earned, by everything known now."""
    known = await store.known(tx, order.id, order.channel, order.placed_at)
    return report(sale_of(order, known.adjustments, known.unit_costs), known.costs, known.settings)


async def report_on(tx: Transaction, order_id: UUID) -> Report:
    """The same of an order by its id; NotFound when there is none."""
    order = await lifecycle.read(tx, order_id)
    if order is None:
        raise NotFound("there is no such order")
    return await report_of(tx, order)


async def judge(tx: Transaction, change: Change) -> None:
    """Say whether completing an order loses money; what is not known is no loss."""
    found = (await report_of(tx, change.order)).contribution
    change.order.judged = Judged.LOSS if found is not None and found < 0 else Judged.FINE


async def learn_costs(tx: Transaction, facts: Sequence[Heard[CostRecorded]]) -> None:
    """Services state costs; an order that is held for a loss is judged again."""
    there = await learn(tx, [News(heard, heard.event.order_id, _detail(heard.event)) for heard in facts])
    for heard in facts:
        if heard.event.order_id in there and await store.say(tx, _said(heard)):
            with tx.acting(heard.cause):
                change = await orders.opened(tx, heard.event.order_id)
                await _lift(tx, change)
                await orders.keep(tx, change)


def _detail(fact: CostRecorded) -> dict[str, Any]:
    return {"kind": str(fact.kind), "amount": fact.amount.wire(), "actual": fact.actual, "source": fact.source}


def _said(heard: Heard[CostRecorded]) -> Said:
    fact = heard.event
    return Said(
        order_id=fact.order_id,
        cost=fact.cost,
        version=fact.version,
        kind=str(fact.kind),
        source=fact.source,
        amount=fact.amount.minor,
        currency=fact.amount.currency,
        vat_recoverable=0,
        actual=fact.actual,
        by_hand=False,
        at=heard.fact.time,
        said_by=heard.fact.actor,
    )


async def learn_item(tx: Transaction, fact: ItemChanged) -> None:
    """Inventory states what an item costs from now on."""
    cost = fact.unit_cost
    at = tx.fact.time if tx.fact else log.now()
    await store.learn_item(
        tx, (fact.id, fact.version, fact.sku, at, cost.minor if cost else None, cost.currency if cost else None)
    )


async def set_costs(tx: Transaction, order_id: UUID, told: Sequence[Told], if_match: int | None) -> Order:
    """State costs by hand: each replaces what was stated by hand of the same kind and source.

    It counts instead of what services said of that kind and source. An order held for a loss is judged again.
    """
    change = await orders.opened(tx, order_id, if_match)
    standing = {row["cost"]: row for row in await store.costs(tx, order_id)}
    before, after = [], []
    for each in told:
        cost = uuid5(order_id, f"{each.kind}\n{each.source}")
        old = standing.get(cost)
        if old is not None:
            before.append(log.shown(old))
        made = Said(
            order_id=order_id,
            cost=cost,
            version=int(change.now.timestamp() * 1_000_000),
            kind=each.kind,
            source=each.source,
            amount=each.amount.minor,
            currency=each.amount.currency,
            vat_recoverable=each.vat.minor if each.vat else 0,
            actual=each.actual,
            by_hand=True,
            at=change.now,
            said_by=tx.cause.actor,
        )
        await store.say(tx, made)
        after.append(log.shown({name: getattr(made, name) for name in Said.__slots__}))
    change.note(tx, "costs.set", before={"costs": before}, after={"costs": after})
    await _lift(tx, change)
    return await orders.keep(tx, change)


async def override_loss(tx: Transaction, order_id: UUID, reason: str, if_match: int | None) -> Order:
    """Let an order complete although it loses money; NotHeld when it is not held for that."""
    change = await orders.opened(tx, order_id, if_match)
    if not change.order.release(HoldKind.LOSS, now=change.now, by=tx.cause.actor, reason=reason):
        raise NotHeld("it is not held for a loss")
    return await orders.keep(tx, change)


async def settings_of(tx: Transaction, seller: str) -> tuple[Settings, int]:
    """How a seller counts; NotFound without such a seller."""
    found = await store.settings(tx, seller)
    if found is None:
        raise NotFound("there is no such seller")
    return found


async def change_settings(tx: Transaction, seller: str, made: Settings, if_match: int | None) -> int:
    """Let a seller count so from now on, orders of the past included; the new version."""
    old, version = await settings_of(tx, seller)
    check_version(version, if_match)
    if made != old or version == 0:
        version += 1
        await store.write_settings(tx, seller, version, made)
    return version


async def _lift(tx: Transaction, change: Change) -> None:
    """An order held for a loss goes on by itself once it is known to be none."""
    if not any(hold.kind is HoldKind.LOSS for hold in change.order.standing):
        return
    found = (await report_of(tx, change.order)).contribution
    if found is not None and found >= 0:
        change.order.release(HoldKind.LOSS, now=change.now, by=BY, reason=PUT_RIGHT)
