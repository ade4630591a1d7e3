"""Payment methods: what is told of them, and what is refused."""

import json

from libs.events.transaction import Cause, new_id
from tests.service.payments.world import World

COD = {
    "code": "cod", "kind": "cash_on_delivery", "names": {"ro": "Ramburs", "fr": "À la livraison"},
    "fee": {"amount": "5.00", "currency": "RON"}, "currencies": ["RON"], "delivery_kinds": ["courier"],
    "reserve_for_minutes": 60,
}  # fmt: skip


async def told(world: World) -> list[dict[str, object]]:
    async with world.uow(Cause("system:test")) as tx:
        rows = await tx.sql.fetch(
            """SELECT payload, seq FROM outbox WHERE type = 'payment_method.changed'
               UNION ALL SELECT payload, seq FROM outbox_sent WHERE type = 'payment_method.changed' ORDER BY seq"""
        )
    return [json.loads(row["payload"]) for row in rows]


async def test_a_method_is_made_changed_listed_and_told_as_a_full_row(world: World) -> None:
    made = await world.post("/v1/payment-methods", COD)
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    changed = await world.api.put(
        "/v1/payment-methods/cod", json=COD | {"active": False}, headers={"Idempotency-Key": "x", "If-Match": '"1"'}
    )
    assert (changed.status_code, changed.json()["active"], changed.headers["etag"]) == (200, False, '"2"')
    facts = await told(world)
    assert [(fact["version"], fact["active"]) for fact in facts] == [(1, True), (2, False)]
    assert facts[0]["fee"] == COD["fee"]
    assert facts[0]["names"] == COD["names"]
    listed = (await world.api.get("/v1/payment-methods")).json()
    assert [method["code"] for method in listed["items"]] == ["cod"]
    assert (await world.api.get("/v1/payment-methods/cod")).json() == changed.json()


async def test_what_is_wrong_is_refused_and_named(world: World) -> None:
    paypal = {"code": "pp", "kind": "paypal", "names": {"en": "PayPal"}}
    wrong = [
        (paypal, 422, "currencies"),
        (paypal | {"currencies": ["EUR", "RON"]}, 422, "currencies[1]"),
        (paypal | {"currencies": ["XXX"]}, 422, "currencies"),
        (COD | {"intent": "authorize"}, 422, "intent"),
        (COD | {"fee": {"amount": "-1.00", "currency": "RON"}}, 422, "fee"),
        (COD | {"kind": "iou"}, 422, "kind"),
        (COD | {"colour": "red"}, 422, "colour"),
        (COD | {"code": "No Spaces"}, 422, "code"),
    ]
    for body, status, field in wrong:
        reply = await world.post("/v1/payment-methods", body)
        assert (reply.status_code, [each["field"] for each in reply.json()["errors"]]) == (status, [field])
    assert (await world.post("/v1/payment-methods", COD)).status_code == 201
    assert (await world.post("/v1/payment-methods", COD)).status_code == 409
    headers = {"Idempotency-Key": str(new_id())}
    other_kind = await world.api.put("/v1/payment-methods/cod", json=COD | {"kind": "cash"}, headers=headers)
    assert other_kind.status_code == 409
    stale = await world.api.put("/v1/payment-methods/cod", json=COD, headers=headers | {"If-Match": '"9"'})
    assert stale.status_code == 412
    assert (await world.api.as_role("operator").post("/v1/payment-methods", json=COD)).status_code == 403
    assert len(await told(world)) == 1
