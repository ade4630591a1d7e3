"""Deadlines of payment and delivery: set by method, alerted once, taken back when cured."""

import asyncio
import json
from typing import Any

from libs.events.transaction import Cause
from libs.service.testing import ServiceClient
from services.orders.lifecycle import deadlines
from tests.service.orders.stage import hear, outbox, placed, topics
from tests.unit.orders.said import Said, lei

RULES: list[dict[str, Any]] = [
    {"kind": "payment", "method": None, "after": 2, "unit": "days"},
    {"kind": "payment", "method": "transfer", "after": 5, "unit": "working_days"},
    {"kind": "delivery", "method": "courier", "after": 3, "unit": "working_days"},
]
COD: dict[str, Any] = {
    "payment_method": "cod",
    "charges": [{"kind": "payment_fee", "amount": lei("5.00")}],
    "totals": {
        "goods": lei("90.00"),
        "delivery": lei("20.00"),
        "charges": lei("5.00"),
        "discounts": lei("0.00"),
        "total": lei("115.00"),
    },
}


async def watch(api: ServiceClient, *rules: dict[str, Any]) -> None:
    answer = await api.put("/v1/deadlines", json={"items": list(rules or RULES)})
    assert answer.status_code == 200, answer.text


async def look(api: ServiceClient) -> int:
    """Let the timer look until nothing is late any more; how many it found."""
    loop, found = deadlines.late_loop(api.context.uow, api.context.settings.deadlines_every), 0
    while done := await loop.run():
        found += done
    return found


async def row(api: ServiceClient, order: dict[str, Any]) -> dict[str, Any]:
    async with api.context.uow(Cause("system:test")) as tx:
        found = await tx.sql.fetchrow(
            """SELECT payment_due_at, delivery_due_at, overdue, placed_at, version FROM orders
               WHERE id = $1""",
            order["id"],
        )
    return dict(found)


async def pass_by(api: ServiceClient, order: dict[str, Any], kind: str) -> None:
    """Let the time of a deadline have come."""
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute(
            f"UPDATE orders SET {kind}_due_at = now() - interval '1 minute' WHERE id = $1",  # noqa: S608 - two words
            order["id"],
        )


async def alerts(api: ServiceClient, topic: str = "order.overdue") -> list[tuple[str, str]]:
    told = [json.loads(each) for each in await outbox(api.context.uow, topic)]
    return [(each["order"]["number"], each["kind"]) for each in told]


async def test_f77_f78_payment_past_its_deadline_is_alerted_once_and_taken_back_when_paid(api: ServiceClient) -> None:
    unwatched = await placed(api, external_id="before")
    await watch(api)
    order = await placed(api)
    found = await row(api, order)
    assert (found["payment_due_at"] - found["placed_at"]).days == 2
    assert found["delivery_due_at"] is None
    assert (await row(api, unwatched))["payment_due_at"] is None, "a rule counts from then on"
    assert (await row(api, await placed(api, external_id="cod", **COD)))["payment_due_at"] is None
    old = await placed(api, external_id="old", historic=True, placed_at="2025-01-07T10:00:00Z")
    assert (await row(api, old))["payment_due_at"] is None
    assert await look(api) == 0
    await pass_by(api, order, "payment")
    before = (await row(api, order))["version"]
    assert sum(await asyncio.gather(*(look(api) for _ in range(4)))) == 1, "several workers alert once"
    assert await alerts(api) == [(order["number"], "payment")]
    found = await row(api, order)
    assert (found["overdue"], found["version"]) == (["payment"], before + 1)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("awaiting"))
    assert await look(api) == 0
    money = said.money("received")
    await hear(api, money, money)
    assert await alerts(api, "order.in_time") == [(order["number"], "payment")]
    found = await row(api, order)
    assert (found["overdue"], found["payment_due_at"]) == ([], None)
    assert await look(api) == 0
    assert [topic for topic in await topics(api, order) if topic in {"order.overdue", "order.in_time"}] == [
        "order.overdue",
        "order.in_time",
    ]


async def test_f77_f78_delivery_is_watched_from_the_confirmation_and_cured_by_arriving(api: ServiceClient) -> None:
    await watch(api)
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute("UPDATE channel SET holidays = '{2026-12-25,2026-12-26}'")
    order, said = (found := await placed(api)), Said(found)
    await hear(api, said.stock("reserved"), said.money("received"))
    due = (await row(api, order))["delivery_due_at"]
    assert due is not None
    assert due.isoweekday() <= 5, "working days"
    await hear(api, said.parcels("dispatched"))
    assert (await row(api, order))["delivery_due_at"] == due, "the clock started once"
    await pass_by(api, order, "delivery")
    assert (await look(api), await look(api)) == (1, 0)
    assert await alerts(api) == [(order["number"], "delivery")]
    await hear(api, said.parcels("delivered"))
    assert await alerts(api, "order.in_time") == [(order["number"], "delivery")]
    late = await placed(api, external_id="late")
    await pass_by(api, late, "payment")
    assert await look(api) == 1
    assert (await api.post(f"/v1/orders/{late['id']}/cancel", json={})).status_code == 200
    assert (late["number"], "payment") in await alerts(api, "order.in_time"), "who is cancelled is late with nothing"
    paid = await placed(api, external_id="paid")
    await hear(api, Said(paid).money("received"))
    await pass_by(api, paid, "payment")
    assert await look(api) == 0, "what was paid in time is never late"


async def test_part_f78_rules_are_checked_and_not_overwritten_unseen(api: ServiceClient) -> None:
    first = await api.get("/v1/deadlines")
    assert (first.json()["items"], first.headers["etag"]) == ([], f'"{first.json()["version"]}"')
    await watch(api)
    assert (await api.get("/v1/deadlines")).json()["items"] == RULES
    stale = await api.put("/v1/deadlines", json={"items": []}, headers={"If-Match": first.headers["etag"]})
    assert stale.status_code == 412
    twice = await api.put("/v1/deadlines", json={"items": [RULES[0], RULES[0]]})
    assert twice.status_code == 422
    assert "twice" in twice.text
    wrongs: list[dict[str, Any]] = [{"after": 0}, {"unit": "moons"}, {"kind": "lunch"}]
    for wrong in wrongs:
        assert (await api.put("/v1/deadlines", json={"items": [RULES[0] | wrong]})).status_code == 422
    assert (await api.as_role("operator").put("/v1/deadlines", json={"items": []})).status_code == 403
