"""What rules do whenever an order moves: in its own transaction, under its lock, as a consequence of one fact."""

import logging
from collections.abc import Sequence
from uuid import UUID

from libs.events.transaction import Cause, Transaction
from libs.service.problems import Problem
from services.orders.lifecycle.change import Change, Told
from services.orders.lifecycle.handlers import take_steps
from services.orders.statuses import entry_store, rule_store
from services.orders.statuses.applying import give
from services.orders.statuses.entries import Around, Wish
from services.orders.statuses.log import REFUSED
from services.orders.statuses.rules import DEEPEST, Rule, holds, values_of

log = logging.getLogger(__name__)
Waiting = Sequence[tuple[Rule, frozenset[UUID]]]


async def react(tx: Transaction, changes: Sequence[Change]) -> None:
    """Do what the rules say about what was told of these orders; historic ones they leave alone."""
    told = [each for change in changes if not change.order.historic for each in change.told]
    waiting = await rule_store.waiting(tx, told) if told else []
    topics = {rule.topic for rule, _ in waiting}
    for change in changes:
        if not change.order.historic and any(each.event.topic in topics for each in change.told):
            with tx.acting(change.cause):
                await _react(tx, change, waiting, await entry_store.around(tx, [change.order.id]))
        else:
            change.told.clear()


async def _react(tx: Transaction, change: Change, waiting: Waiting, around: Around) -> None:
    """Run the rules that wait, once for each fact told, in their order; what they say is told again."""
    told, change.told[:] = list(change.told), []
    for each in told:
        for rule, done in waiting:
            wanted = rule.topic == each.event.topic and each.id not in done
            if wanted and holds(rule.conditions, _values(change, each)):
                await _run(tx, change, rule, each, around)


def _values(change: Change, told: Told) -> dict[str, object]:
    return values_of(change.order, told.event)


async def _run(tx: Transaction, change: Change, rule: Rule, told: Told, around: Around) -> None:
    if told.depth >= DEEPEST:
        log.error("a rule is %d rules deep and stops: %s on %s", DEEPEST, rule.id, change.order.id)
        await _refused(tx, change, rule, told, f"{DEEPEST} rules led to this fact: it is refused", "too_deep")
        return
    cause = Cause(f"rule:{rule.id}", tx.cause.correlation_id, told.id, told.depth + 1)
    with tx.acting(cause):
        try:
            entry = await give(tx, change, Wish(rule.definition, rule=rule.id, fact=told.id), around)
        except Problem as refusal:
            await _refused(tx, change, rule, told, refusal.detail, refusal.slug)
            return
        if entry is not None:
            await entry_store.write(tx, [entry])
            await take_steps(tx, change)


async def _refused(tx: Transaction, change: Change, rule: Rule, told: Told, reason: str, slug: str) -> None:
    REFUSED.labels(slug).inc()
    await rule_store.refuse(tx, rule, change.order.id, told.id, reason)
