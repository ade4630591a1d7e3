"""What a person does to an order, its deadlines, and what others may see of it."""

from uuid import UUID

import pytest

from libs.events.transaction import Cause
from libs.service.auth import Principal
from libs.service.roles import scopes_of
from libs.service.testing import ServiceClient
from services.orders.lifecycle import deadlines
from tests.service.orders.stage import hear, outbox, placed, topics, whole
from tests.unit.orders.said import Said


async def confirmed(api: ServiceClient) -> Said:
    """An order whose goods and money are safe."""
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("received"))
    return said


async def test_an_open_order_is_cancelled_at_once_and_everything_given_back(api: ServiceClient) -> None:
    order = await placed(api)
    answer = await api.post(f"/v1/orders/{order['id']}/cancel", json={"reason": "customer"})
    assert (answer.status_code, answer.json()["lifecycle"]) == (200, "cancelled")
    assert '"give_back":"all"' in (await outbox(api.context.uow, "order.cancelled"))[0]
    again = await api.post(f"/v1/orders/{order['id']}/cancel", json={})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/not-cancellable")


async def test_after_it_was_confirmed_a_cancel_is_a_request_that_shipping_answers(api: ServiceClient) -> None:
    said = await confirmed(api)
    path = f"/v1/orders/{said.order['id']}/cancel"
    answers = [await api.post(path, json={"reason": "customer"}) for _ in range(2)]
    assert [(a.status_code, a.json()["lifecycle"]) for a in answers] == [(202, "confirmed")] * 2
    assert len(await outbox(api.context.uow, "order.cancel_requested")) == 1
    await hear(api, said.parcels(said.shipment("cancelled"), answers=await request_of(api, said)))
    found = await whole(api, said.order["id"])
    assert (found["lifecycle"], found["cancel_reason"], found["cancel_requested"]) == ("cancelled", "customer", False)


async def test_a_parcel_that_cannot_be_stopped_refuses_the_cancel(api: ServiceClient) -> None:
    said = await confirmed(api)
    await api.post(f"/v1/orders/{said.order['id']}/cancel", json={})
    await hear(api, said.parcels(said.shipment("dispatched"), answers=await request_of(api, said)))
    assert (await whole(api, said.order["id"]))["lifecycle"] == "confirmed"
    assert (await topics(api, said.order))[-3:] == ["shipment.kept", "order.cancel_refused", "order.shipped"]


async def test_what_of_an_order_could_be_stopped_is_cut(api: ServiceClient) -> None:
    said = await confirmed(api)
    await api.post(f"/v1/orders/{said.order['id']}/cancel", json={})
    request = await request_of(api, said)
    kept, stopped = said.shipment("booked", "main", ("plate",)), said.shipment("cancelled", "second", ("mug",))
    await hear(api, said.parcels(kept, stopped, answers=request))
    found = await whole(api, said.order["id"])
    assert [(line["sku"], line["cut"]) for line in found["lines"]] == [("mug", "2"), ("plate", "0")]
    assert (found["due"]["amount"], found["total"]["amount"]) == ("60.00", "110.00")
    assert (await topics(api, said.order))[-1] == "order.changed"


async def request_of(api: ServiceClient, said: Said) -> str:
    """The cancel request that stands."""
    async with api.context.uow(Cause("system:test")) as tx:
        return str(await tx.sql.fetchval("SELECT cancel_request FROM orders WHERE id = $1", UUID(said.order["id"])))


async def test_a_held_order_does_not_go_on_until_it_is_released(api: ServiceClient) -> None:
    order = await placed(api)
    path, said = f"/v1/orders/{order['id']}", Said(order)
    assert (await api.post(f"{path}/hold", json={"reason": "ask the customer"})).json()["holds"] == ["manual"]
    await hear(api, said.stock("reserved"), said.money("received"))
    assert (await whole(api, order["id"]))["lifecycle"] == "open"
    assert (await api.post(f"{path}/ready")).status_code == 409
    assert (await api.post(f"{path}/release-hold", json={"kind": "fraud"})).status_code == 409
    assert (await api.post(f"{path}/release-hold", json={"kind": "manual"})).json()["lifecycle"] == "confirmed"
    assert (await topics(api, order))[-3:] == ["order.released", "order.reserved", "order.confirmed"]
    assert [(await api.post(f"{path}/ready")).status_code for _ in range(2)] == [200, 200]
    assert len(await outbox(api.context.uow, "order.ready")) == 1


async def test_a_lost_update_is_refused(api: ServiceClient) -> None:
    order = await placed(api)
    path = f"/v1/orders/{order['id']}/hold"
    etag = (await api.get(f"/v1/orders/{order['id']}")).headers["ETag"]
    first = await api.post(path, json={"reason": "a"}, headers={"If-Match": etag})
    second = await api.post(path, json={"reason": "b"}, headers={"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)


@pytest.mark.parametrize("command", ["cancel", "hold", "release-hold", "ready"])
async def test_b9_a_repeated_command_is_done_once(api: ServiceClient, command: str) -> None:
    said = await confirmed(api)
    if command == "release-hold":
        await api.post(f"/v1/orders/{said.order['id']}/hold", json={"reason": "x"})
    bodies = {"cancel": {}, "hold": {"reason": "x"}, "release-hold": {"kind": "manual"}}
    path, key = f"/v1/orders/{said.order['id']}/{command}", {"Idempotency-Key": "once"}
    answers = [await api.post(path, json=bodies.get(command), headers=key) for _ in range(2)]
    assert answers[0].status_code < 300
    assert [answer.content for answer in answers] == [answers[0].content] * 2
    told = {"cancel": "cancel_requested", "hold": "held", "release-hold": "released", "ready": "ready"}[command]
    assert len(await outbox(api.context.uow, f"order.{told}")) == 1


async def due(api: ServiceClient, order_id: str) -> None:
    """The reservation deadline of an order comes, by the database's clock."""
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute("UPDATE orders SET reserve_until = now() WHERE id = $1", UUID(order_id))


async def tick(api: ServiceClient) -> int:
    """One round of the deadlines' loop."""
    return await deadlines.loop(api.context.uow, api.context.settings.deadlines_every).run()


async def expiring_of(api: ServiceClient, order_id: str) -> UUID:
    """The question that payments has not answered."""
    async with api.context.uow(Cause("system:test")) as tx:
        found: UUID = await tx.sql.fetchval("SELECT expiring FROM orders WHERE id = $1", UUID(order_id))
    return found


async def test_at_its_deadline_an_order_asks_and_only_payments_word_ends_it(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"))
    assert (await whole(api, order["id"]))["reserve_until"] is not None
    assert await tick(api) == 0
    await due(api, order["id"])
    assert [await tick(api), await tick(api)] == [1, 0]
    await hear(api, said.money("awaiting"))
    assert (await whole(api, order["id"]))["lifecycle"] == "open"
    await hear(api, said.money("expired", answered_expiring=await expiring_of(api, order["id"])))
    found = await whole(api, order["id"])
    assert (found["lifecycle"], found["cancel_reason"], found["give_back"]) == ("cancelled", "expired", "ask")


async def test_money_that_is_still_on_its_way_is_asked_for_again(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"))
    await due(api, order["id"])
    await tick(api)
    await hear(api, said.money("awaiting", answered_expiring=await expiring_of(api, order["id"])))
    await due(api, order["id"])
    assert await tick(api) == 1
    assert len(await outbox(api.context.uow, "order.expiring")) == 2


async def test_money_after_expiry_reopens_and_without_goods_is_held_as_paid_late(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("expired"), said.stock("released"), said.money("received"))
    found = await whole(api, order["id"])
    assert (found["lifecycle"], found["round"], found["stock"]) == ("open", 2, "pending")
    await hear(api, said.stock("rejected", in_round=2))
    held = await whole(api, order["id"])
    assert (held["lifecycle"], held["holds"]) == ("open", ["paid_late"])


async def test_reopened_with_goods_it_goes_on(api: ServiceClient) -> None:
    order = await placed(api)
    said = Said(order)
    await hear(api, said.stock("reserved"), said.money("expired"), said.stock("released"), said.money("received"))
    await hear(api, said.stock("reserved", in_round=2))
    assert (await whole(api, order["id"]))["lifecycle"] == "confirmed"


async def test_part_f7_a_customer_sees_only_their_own_and_nothing_internal(
    api: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await placed(api, external_id="1")
    other = await placed(api, external_id="2", customer={"email": "else@example.ro", "email_verified": True})
    owner = UUID(mine["customer_id"])
    customer = Principal("customer", str(owner), scopes_of(["customer"]), owner)

    async def known(_: str) -> Principal:
        return customer

    monkeypatch.setattr(api.context.auth, "principal", known)
    assert [row["id"] for row in (await api.get("/v1/orders")).json()["items"]] == [mine["id"]]
    seen = (await api.get(f"/v1/orders/{mine['id']}")).json()
    assert seen["number"] == mine["number"]
    assert not {"holds", "taken_by", "customer_id", "attributes"} & set(seen)
    assert (await api.get(f"/v1/orders/{other['id']}")).status_code == 404
    assert (await api.get(f"/v1/orders/{mine['id']}/timeline")).status_code == 403


async def test_scopes_are_asked_for(api: ServiceClient) -> None:
    order = await placed(api)
    reader = api.as_role("dashboards")
    assert (await reader.post(f"/v1/orders/{order['id']}/cancel", json={})).status_code == 403
    assert (await api.as_role("").get(f"/v1/orders/{order['id']}")).status_code == 401
    assert (await api.as_role("operator").post("/v1/api-keys", json={"name": "x", "role": "erp"})).status_code == 403
