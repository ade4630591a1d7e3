"""B10: an order's facts in any order, with repeats, or its last one alone: one end state."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from libs.contracts.orders import GiveBack, OrderFact, PaymentKind
from libs.events.testing import record_of
from libs.events.transaction import Cause, UnitOfWork, new_id
from services.payments.consumers import consumer
from tests.databases import Databases
from tests.service.payments.world import Order

LIVES: dict[str, Callable[[Order], Sequence[OrderFact]]] = {
    "delivered and paid in cash": lambda o: [o.created(), o.reserved(), o.confirmed(), o.shipped(), o.delivered()],
    "paid to a marketplace, cancelled": lambda o: [o.created(), o.reserved(), o.cancelled()],
    "a transfer that never came": lambda o: [o.created(), o.reserved(), o.cancelled(GiveBack.ASK)],
    "a transfer, made dearer, held": lambda o: [o.created(), o.changed("150.00"), o.held(), o.released()],
    "a transfer asked for": lambda o: [o.created(), o.reserved(), o.expiring(new_id())],
    "a parcel that came back": lambda o: [o.created(), o.shipped(), o.returned()],
    "historic": lambda o: [o.created(), o.delivered()],
}
KINDS = {
    "delivered and paid in cash": PaymentKind.CASH_ON_DELIVERY,
    "paid to a marketplace, cancelled": PaymentKind.EXTERNAL,
    "a parcel that came back": PaymentKind.CASH_ON_DELIVERY,
    "historic": PaymentKind.CASH_ON_DELIVERY,
}
IGNORED = {"id", "created_at", "received_at", "merchant_ref", "fact_sequence", "version"}


async def end_of(uow: UnitOfWork, order: Order) -> dict[str, Any]:
    """Everything that is known of the order's payment, apart from names and times."""
    async with uow(Cause("system:test")) as tx:
        rows = [dict(row) for row in await tx.sql.fetch("SELECT * FROM payment WHERE order_id = $1", order.id)]
        operations = await tx.sql.fetch("SELECT kind, status, amount_minor FROM payment_operation ORDER BY id")
        lines = await tx.sql.fetch(
            "SELECT account_id, currency, sum(amount_minor) FROM ledger_line GROUP BY 1, 2 ORDER BY 1"
        )
        calls = await tx.sql.fetch("SELECT kind FROM payment_call ORDER BY id")
    payments = [{name: value for name, value in row.items() if name not in IGNORED} for row in rows]
    return {"payments": payments, "operations": operations, "lines": lines, "calls": calls}


@pytest.mark.parametrize("life", LIVES)
async def test_b10_facts_in_any_order_with_repeats_or_the_last_alone_end_the_same(
    database: Databases, life: str
) -> None:
    order = Order(KINDS.get(life, PaymentKind.TRANSFER))
    if life == "historic":
        order.now["historic"] = True
    facts = LIVES[life](order)
    dice = random.Random(life)
    told = [list(facts), [facts[-1]], list(reversed(facts)), [*facts, *facts]]
    told += [dice.sample([*facts, *facts], k=2 * len(facts)) for _ in range(4)]
    ends = []
    for sequence in told:
        uow = UnitOfWork.open(await database("payments"), "payments")
        for fact in sequence:
            await consumer.deliver(uow, record_of(fact))
        ends.append(await end_of(uow, order))
        await uow.close()
    assert all(end == ends[0] for end in ends[1:])
    assert bool(ends[0]["payments"]) is (life != "historic")


async def test_b10_the_same_fact_twice_says_nothing_twice(database: Databases) -> None:
    order = Order(PaymentKind.CASH_ON_DELIVERY)
    uow = UnitOfWork.open(await database("payments"), "payments")
    facts = LIVES["delivered and paid in cash"](order)
    records = [record_of(fact) for fact in facts]
    for record in [*records, *records, *(record_of(fact) for fact in facts)]:
        await consumer.deliver(uow, record)
    async with uow(Cause("system:test")) as tx:
        said = [row["type"] for row in await tx.sql.fetch("SELECT type FROM outbox ORDER BY seq")]
    await uow.close()
    assert said == ["payment.pending", "payment.received"]
