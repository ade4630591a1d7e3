"""Holds: several at once, each with kind, reason and who; while one stands nothing goes on."""

from typing import Any

import pytest

from libs.service.testing import ServiceClient
from tests.service.orders.stage import hear, outbox, placed, whole
from tests.unit.orders.said import Said


async def hold(api: ServiceClient, order: dict[str, Any], kind: str = "manual", reason: str = "ask") -> str:
    """Hold it; the hold's id."""
    answer = await api.post(f"/v1/orders/{order['id']}/hold", json={"kind": kind, "reason": reason})
    assert answer.status_code == 200, answer.text
    items = (await api.get(f"/v1/orders/{order['id']}/holds")).json()["items"]
    found: str = items[-1]["id"]
    return found


async def release(api: ServiceClient, order: dict[str, Any], hold_id: str, **body: Any) -> int:
    return (await api.post(f"/v1/orders/{order['id']}/holds/{hold_id}/release", json=body)).status_code


async def test_part_f79_a_held_order_is_not_confirmed_shipped_or_completed_until_its_last_hold_is_lifted(
    api: ServiceClient,
) -> None:
    order, said = (found := await placed(api)), Said(found)
    kinds = ("manual", "fraud", "undelivered", "contradiction", "paid_late", "manual")
    ids = [await hold(api, order, kind, f"reason {n}") for n, kind in enumerate(kinds)]
    assert len(set(ids)) == len(kinds)
    await hear(api, said.stock("reserved"), said.money("received"))
    assert (await whole(api, order["id"]))["lifecycle"] == "open", "held: not confirmed"
    for hold_id in ids[:-1]:
        assert await release(api, order, hold_id) == 200
    assert (await whole(api, order["id"]))["lifecycle"] == "open", "one hold of a kind still stands"
    assert await release(api, order, ids[-1], reason="the customer called") == 200
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed"
    assert "the customer called" in (await outbox(api.context.uow, "order.released"))[-1]
    assert await release(api, order, ids[-1]) == 409, "lifted before"
    assert await release(api, order, order["id"]) == 404
    second = await hold(api, order)
    assert (await api.post(f"/v1/orders/{order['id']}/ready", json={})).status_code == 409, "held: not to be booked"
    told = (await outbox(api.context.uow, "order.held"))[-1]
    assert '"holds": ["manual"]' in told or '"holds":["manual"]' in told, "shipping is told, and stops"
    await hear(api, said.parcels("dispatched"), said.parcels("delivered"))
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed", "held: not completed"
    assert await release(api, order, second) == 200
    assert (await whole(api, order["id"]))["lifecycle"] == "completed"
    items = (await api.get(f"/v1/orders/{order['id']}/holds")).json()["items"]
    assert [item["kind"] for item in items] == [*kinds, "manual"]
    assert all(item["lifted_at"] and item["lifted_by"] and item["placed_by"] for item in items)
    assert [item["reason"] for item in items][:2] == ["reason 0", "reason 1"]


@pytest.mark.parametrize("kind", ["loss", "import", "lunch"])
async def test_part_f79_a_person_holds_for_what_a_person_can_know(api: ServiceClient, kind: str) -> None:
    order = await placed(api)
    answer = await api.post(f"/v1/orders/{order['id']}/hold", json={"kind": kind, "reason": "x"})
    assert answer.status_code == 422
    assert (await api.get(f"/v1/orders/{order['id']}/holds")).json()["items"] == []
