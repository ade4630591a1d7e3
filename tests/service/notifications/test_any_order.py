"""Facts late, twice or in the wrong order: the same letters in the end."""

import asyncio
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.contracts.orders import (
    CancelReason,
    GiveBack,
    Lifecycle,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    OrderPaid,
    OrderShipped,
)
from libs.events.bus import Record
from libs.events.contract import Event
from libs.events.testing import record_of
from libs.events.transaction import UnitOfWork, new_id
from tests.service.notifications.post_office import deliver, rows
from tests.unit.notifications.letters import ANA, a_channel, a_transfer, an_awb, an_order

REAL = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def facts_of_a_life() -> tuple[UUID, list[Event]]:
    """A life with a letter at most steps, in a channel that nobody has told of yet."""
    shipment, code = new_id(), f"web-{new_id()}"
    first = an_order(channel=code)

    def then(version: int, **more: Any) -> Any:
        return first.model_copy(update={"version": version, **more})

    newest = ANA.model_copy(update={"name": "Ana Țepeș-Pop"})
    payment = a_transfer(first.id)
    return first.id, [
        a_channel(code=code, merchant_email="desk@pravalia.example"),
        OrderCreated(order=first, person=ANA),
        payment,
        payment.model_copy(update={"payment": payment.payment.model_copy(update={"version": 2})}),
        OrderPaid(order=then(3), person=ANA),
        OrderConfirmed(order=then(4, lifecycle=Lifecycle.CONFIRMED), person=newest),
        OrderShipped(order=then(5, awbs=(an_awb(shipment),)), person=newest, shipment_id=shipment, depot="main"),
        OrderCancelled(
            order=then(6, lifecycle=Lifecycle.CANCELLED),
            person=newest,
            reason=CancelReason.SHOP,
            give_back=GiveBack.ALL,
        ),
    ]


async def end(uow: UnitOfWork, order: UUID) -> tuple[Any, ...]:
    """What was written to whom, what is known of the order, and whether anything still waits."""
    written = await rows(uow, "SELECT kind, recipient, language, subject FROM message WHERE order_id = $1", order)
    known = await rows(uow, "SELECT version, number, language, email, name FROM known_order WHERE id = $1", order)
    waiting = await rows(uow, "SELECT waits_for FROM waiting_fact")
    return sorted(tuple(row.values()) for row in written), [tuple(row.values()) for row in known], waiting


@REAL
@given(st.data())
async def test_part_b10_any_order_and_any_repeats_end_in_the_same_letters(
    notifications: UnitOfWork, data: st.DataObject
) -> None:
    order, facts = facts_of_a_life()
    records: list[Record] = [record_of(fact) for fact in facts]
    places = data.draw(st.permutations(range(len(records))))
    places += data.draw(st.lists(st.sampled_from(range(len(records))), max_size=5))
    await deliver(notifications, *(records[place] for place in places))
    written, known, waiting = await end(notifications, order)
    assert [(kind, recipient) for kind, recipient, *_ in written] == [
        ("acknowledged", ANA.email), ("cancelled", ANA.email), ("new_order", "desk@pravalia.example"),
        ("paid", ANA.email), ("pay_transfer", ANA.email), ("shipped", ANA.email),
    ]  # fmt: skip
    assert known == [(6, "RO-2026-000123", "ro", ANA.email, "Ana Țepeș-Pop")]
    assert waiting == []


async def test_part_b10_the_last_fact_alone_tells_all_of_the_order(notifications: UnitOfWork) -> None:
    order, facts = facts_of_a_life()
    await deliver(notifications, record_of(facts[0]), record_of(facts[-1]))
    written, known, _ = await end(notifications, order)
    assert [kind for kind, *_ in written] == ["cancelled"]
    assert known == [(6, "RO-2026-000123", "ro", ANA.email, "Ana Țepeș-Pop")]


async def test_facts_that_meet_what_they_wait_for_at_the_same_moment_miss_nothing(notifications: UnitOfWork) -> None:
    lives = [facts_of_a_life() for _ in range(25)]
    await asyncio.gather(*(deliver(notifications, record_of(fact)) for _, facts in lives for fact in facts[:3]))
    for order, _ in lives:
        written, _, waiting = await end(notifications, order)
        assert [kind for kind, *_ in written] == ["acknowledged", "new_order", "pay_transfer"]
        assert waiting == []
