"""Races about one order: it is placed once, and of two things that exclude each other one happens."""

from collections import Counter
from typing import Any
from uuid import UUID

import httpx
import pytest

from libs.events.contract import Event
from libs.events.testing import record_of
from libs.service import idempotency
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from services.orders.lifecycle import deadlines
from tests.service.orders.stage import hear, placed, topics, whole
from tests.service.races.stage import at_once, rows, value
from tests.unit.orders.said import Said, submitted

LOCK = "SELECT FROM orders WHERE id = $1 FOR UPDATE"
NOBODY_INSERTS = "LOCK TABLE orders IN SHARE MODE"
POSTS = 50


async def said_of(url: str, order: dict[str, Any]) -> list[str]:
    """What an order told the others, in the order of its commits; numbered without a gap."""
    found = await rows(
        url, "SELECT type, ce_sequence FROM outbox WHERE aggregateid = $1 ORDER BY seq", UUID(order["id"])
    )
    assert [row["ce_sequence"] for row in found] == list(range(1, len(found) + 1))
    return [row["type"] for row in found]


async def test_part_b9_one_order_posted_fifty_times_at_once_under_one_key_is_one(
    orders: ServiceClient, orders_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guard: `idempotency._FIRST`, whose primary key lets one caller in. Without it there are fifty orders.

    The order has no external id, so that nothing else tells that it is the same.
    """
    monkeypatch.setattr(idempotency, "WAITS", "60s")  # a slow machine is no refusal here

    async def post() -> httpx.Response:
        order = submitted(external_id=None)
        return await orders.post("/v1/orders", json=order, headers={"Idempotency-Key": "the-same"})

    answers = await at_once(orders_url, NOBODY_INSERTS, acts=[post] * POSTS)
    assert Counter(answer.status_code for answer in answers) == {201: POSTS}
    assert len({answer.content for answer in answers}) == 1
    assert sum(idempotency.REPLAYED in answer.headers for answer in answers) == POSTS - 1
    assert await value(orders_url, "SELECT count(*) FROM orders") == 1
    assert await said_of(orders_url, answers[0].json()) == ["order.created"]


async def test_one_order_posted_fifty_times_at_once_without_a_key_is_one_by_its_external_id(
    orders: ServiceClient, orders_url: str
) -> None:
    """Guards: unique (channel, external_id) of `orders`, with `ON CONFLICT DO NOTHING` of `placing.store._insert`.

    Without the constraint there are fifty orders; without `ON CONFLICT` all but one of the calls fail.
    """

    async def post() -> httpx.Response:
        return await orders.post("/v1/orders", json=submitted())

    answers = await at_once(orders_url, NOBODY_INSERTS, acts=[post] * POSTS)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 200: POSTS - 1}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await value(orders_url, "SELECT count(*) FROM orders") == 1
    assert await said_of(orders_url, answers[0].json()) == ["order.created"]


FACTS = {"confirm": "stock.reserved", "pay": "payment.received", "ship": "shipment.dispatched"}


async def given(orders: ServiceClient, against: str) -> tuple[Said, Event]:
    """An order about to be confirmed, paid or shipped, and the fact that does it."""
    said = Said(await placed(orders, external_id=None))
    if against in ("confirm", "ship"):
        await hear(orders, said.money("received"))
    if against == "ship":
        await hear(orders, said.stock("reserved"))
    fact: Event
    match against:
        case "confirm":
            fact = said.stock("reserved")
        case "pay":
            fact = said.money("received")
        case _:
            fact = said.parcels("dispatched")
    return said, fact


@pytest.mark.parametrize("first", ["cancel", "fact"])
@pytest.mark.parametrize("against", FACTS)
async def test_part_b10_a_cancel_against_what_excludes_it_has_one_winner(
    orders: ServiceClient, orders_url: str, against: str, first: str
) -> None:
    """Both are stopped at the order's row and let go, in either order.

    Guard: `FOR UPDATE` of `lifecycle.store.locked` for the command and of `locked_all` for the fact: without it both
    judge the order as it was. Behind it stands the primary key of `order_event`, which then turns the second into an
    error; the test fails without the first alone.
    """
    said, fact = await given(orders, against)
    order_id = said.order["id"]

    async def cancel() -> int:
        return (await orders.post(f"/v1/orders/{order_id}/cancel", json={"reason": "customer"})).status_code

    async def learn() -> int:
        return await consumer.deliver(orders.context.uow, record_of(fact))

    acts = [cancel, learn] if first == "cancel" else [learn, cancel]
    done = await at_once(orders_url, LOCK, UUID(order_id), acts=acts, in_turn=True)
    told = (await said_of(orders_url, said.order))[1:]
    found = await whole(orders, order_id)
    status = done[acts.index(cancel)]
    if status == 200:  # orders decided alone
        assert found["lifecycle"] == "cancelled"
        assert told[-1] == "order.cancelled"
        assert "order.confirmed" not in told
    else:  # confirmed before: shipping is asked, and both stand
        assert status == 202
        assert (found["lifecycle"], found["cancel_requested"]) == ("confirmed", True)
        assert told.count("order.cancel_requested") == 1
        assert "order.cancelled" not in told
    won = {("confirm", "fact"): 202, ("ship", "cancel"): 202, ("ship", "fact"): 202}.get((against, first), 200)
    assert status == won
    assert ("order.shipped" in told) == (against == "ship")
    assert FACTS[against] in await topics(orders, said.order)


async def test_of_ten_operators_with_one_etag_one_changes_the_order(orders: ServiceClient, orders_url: str) -> None:
    """Nine are told that they are stale.

    Guards: `check_version` in `lifecycle.handlers.opened`, without which all ten do it; and `FOR UPDATE` of
    `lifecycle.store.locked`, without which all ten read the version before one has changed it.
    """
    order = await placed(orders)
    etag = (await orders.get(f"/v1/orders/{order['id']}")).headers["ETag"]

    async def hold(n: int) -> int:
        body = {"reason": f"operator {n}"}
        answer = await orders.post(f"/v1/orders/{order['id']}/hold", json=body, headers={"If-Match": etag})
        return answer.status_code

    acts = [lambda n=n: hold(n) for n in range(10)]
    done = await at_once(orders_url, LOCK, UUID(order["id"]), acts=acts)
    assert Counter(done) == {200: 1, 412: 9}
    assert await said_of(orders_url, order) == ["order.created", "order.held"]
    assert await value(orders_url, "SELECT count(*) FROM hold") == 1


async def test_of_eight_deadline_sweepers_one_asks_about_an_order(orders: ServiceClient, orders_url: str) -> None:
    """The first sweeper is stopped when it speaks, while the others look for what is due.

    Guard: `FOR UPDATE SKIP LOCKED` of `lifecycle.deadline_store.due`. Without it all eight have found the order due,
    and each asks payments anew under the order's lock.
    """
    said = Said(await placed(orders))
    await hear(orders, said.stock("reserved"))
    await rows(orders_url, "UPDATE orders SET reserve_until = now() RETURNING id")
    loop = deadlines.loop(orders.context.uow, orders.context.settings.deadlines_every)
    done = await at_once(orders_url, "LOCK TABLE outbox IN SHARE MODE", acts=[loop.run] * 8)
    assert sorted(done) == [0] * 7 + [1]
    assert (await said_of(orders_url, said.order)).count("order.expiring") == 1


async def test_facts_of_all_services_at_once_leave_no_hole_in_the_timeline(
    orders: ServiceClient, orders_url: str
) -> None:
    """Every fact of an order's life, and each twice, at once. Guard: `FOR UPDATE` of `lifecycle.store.locked_all`."""
    said = Said(await placed(orders))
    facts = [said.stock("reserved"), said.money("received"), said.parcels("booked"), said.parcels("dispatched")]
    records = [record_of(fact) for fact in (*facts, said.parcels("delivered"), said.stock("deducted"))]

    async def learn(n: int) -> int:
        return await consumer.deliver(orders.context.uow, records[n // 2])

    acts = [lambda n=n: learn(n) for n in range(2 * len(records))]
    done = await at_once(orders_url, LOCK, UUID(said.order["id"]), acts=acts)
    assert sum(done) == len(records)
    assert (await whole(orders, said.order["id"]))["lifecycle"] == "completed"
    told = Counter(await said_of(orders_url, said.order))
    assert told == Counter(dict.fromkeys(told, 1)), "each was said once"
    assert len(await topics(orders, said.order)) == len(records) + sum(told.values())
