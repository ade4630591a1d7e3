"""Statuses applied to orders: by a person, to one or many, foreseen, looked back on, published later."""

import asyncio
import itertools
import json
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from libs.events.transaction import Cause
from libs.service.testing import ServiceClient
from tests.bench.statements import Statements
from tests.service.orders.stage import hear, outbox, placed, topics, whole
from tests.unit.orders.said import Said, submitted

TOLD = {"ro": {"name": "Gravăm", "message": "Gravăm {order_number}", "sms": "ță {order_number}"}}


async def invent(api: ServiceClient, mnemonic: str, **changes: Any) -> str:
    """A status of that mnemonic; its id."""
    status = {"mnemonic": mnemonic, "texts": {"en": {"name": mnemonic}}} | changes
    answer = await api.post("/v1/statuses", json=status)
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["id"]
    return found


async def apply(api: ServiceClient, order: dict[str, Any], status: str, **more: Any) -> Any:
    """The answer to a status for an order."""
    return await api.post(f"/v1/orders/{order['id']}/status", json={"status": status} | more)


async def applied(api: ServiceClient, order: dict[str, Any], status: str, **more: Any) -> dict[str, Any]:
    """What became of a status that may be."""
    answer = await apply(api, order, status, **more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def entries(api: ServiceClient, order: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    """What an order got, the newest first."""
    answer = await api.get(f"/v1/orders/{order['id']}/status-entries", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def standing(api: ServiceClient, order: dict[str, Any]) -> dict[str, str]:
    """What stands on each track."""
    return {entry["track"]: entry["mnemonic"] for entry in await entries(api, order) if entry["stands"]}


async def said(api: ServiceClient) -> list[dict[str, Any]]:
    """Every status.changed so far."""
    return [json.loads(each) for each in await outbox(api.context.uow, "status.changed")]


async def confirmed(api: ServiceClient, **changes: Any) -> dict[str, Any]:
    """An order whose goods and money are safe."""
    order = await placed(api, external_id=None, **changes)
    facts = Said(order)
    await hear(api, facts.stock("reserved"), facts.money("received"))
    return await whole(api, order["id"])


async def test_f103_f75_a_status_is_applied_at_once_and_one_stands_per_track(api: ServiceClient) -> None:
    await invent(api, "engraving", indicator="workshop", actions={"publish": True, "mail": True}, texts=TOLD)
    order = await placed(api)
    done = await applied(api, order, "engraving", comment="with your initials")
    assert (done["outcome"], done["version"]) == ("applied", order["version"] + 1)
    entry = done["entry"]
    assert (entry["number"], entry["published"], entry["stands"], entry["comment"]) == (
        *(1, True, True),
        "with your initials",
    )
    assert entry["actions"] == {"publish": True, "mail": True, "sms": False, "invoice": False}
    await applied(api, order, "paid")
    await applied(api, order, "processing")
    assert await standing(api, order) == {"order": "processing", "payment": "paid"}

    fact = (await said(api))[0]
    assert (fact["type"], fact["track"], fact["published"], fact["previous"]) == ("custom", "order", True, None)
    assert fact["text"] == {"language": "ro", **TOLD["ro"]}, "in the customer's language, not filled in"
    assert (fact["entry"], fact["person"]["comment"], fact["order"]["id"]) == (
        *(entry["id"], "with your initials"),
        order["id"],
    )
    assert "engraving" not in json.dumps(fact), "a mnemonic is for staff alone"
    assert (await said(api))[2]["previous"] == fact["status"]
    assert (await topics(api, order))[-3:] == ["status.changed"] * 3

    back = await entries(api, order, language="ro", limit=2)
    assert [(each["number"], each["mnemonic"]) for each in back] == [(3, "processing"), (2, "paid")]
    assert (await entries(api, order, language="ro"))[2]["name"] == "Gravăm"
    stale = await api.post(
        f"/v1/orders/{order['id']}/status", json={"status": "new"}, headers={"If-Match": f'"{order["version"]}"'}
    )
    assert stale.status_code == 412


async def test_f131_the_status_that_stands_again_is_a_noop_and_no_mail(api: ServiceClient) -> None:
    order = await placed(api)
    first = await applied(api, order, "processing")
    again = await applied(api, order, "processing", comment="once more", actions={"mail": True})
    assert (again["outcome"], again["version"], again["entry"]) == ("noop", first["version"], first["entry"])
    assert (len(await said(api)), len(await entries(api, order))) == (1, 1)
    await applied(api, order, "new")
    assert (await applied(api, order, "processing"))["outcome"] == "applied", "it did not stand any more"


async def test_f124_the_operator_overrides_the_actions_for_one_use(api: ServiceClient) -> None:
    await invent(api, "ready-made", actions={"publish": True, "mail": True, "sms": True, "invoice": True})
    order = await placed(api)
    overrides = {"mail": False, "invoice": False}
    entry = (await applied(api, order, "ready-made", actions=overrides))["entry"]
    assert entry["actions"] == {"publish": True, "mail": False, "sms": True, "invoice": False}
    assert (await said(api))[0]["actions"] == entry["actions"]
    await applied(api, order, "new")
    quiet = (await applied(api, order, "ready-made", actions={"publish": False}))["entry"]
    assert quiet["actions"] == {"publish": False, "mail": False, "sms": False, "invoice": True}, "nothing reaches them"
    assert "invoice.requested" not in await topics(api, order)


async def test_f105_f106_f109_f128_publication_is_switched_later_and_stands_in_the_timeline(api: ServiceClient) -> None:
    order = await placed(api)
    entry = (await applied(api, order, "processing", actions={"publish": False}))["entry"]
    path = f"/v1/orders/{order['id']}/status-entries/{entry['id']}/publication"
    on = await api.post(path, json={"published": True})
    assert (on.status_code, on.json()["published"], on.json()["stands"]) == (200, True, True)
    assert (await api.post(path, json={"published": True})).headers["etag"] == on.headers["etag"], "nothing changed"
    assert (await api.post(path, json={"published": False})).json()["published"] is False
    events = (await api.get(f"/v1/orders/{order['id']}/timeline")).json()["items"]
    switched = [event for event in events if event["topic"] == "status.publication"]
    states = [(each["before"]["published"], each["after"]["published"]) for each in switched]
    assert states == [(False, True), (True, False)]
    assert len(await said(api)) == 1, "nobody is told again"
    other = await placed(api, external_id="other")
    assert (await api.post(path.replace(order["id"], other["id"]), json={"published": True})).status_code == 404
    await api.put("/v1/statuses/settings", json={"mode": "internal"})
    assert (await api.post(path, json={"published": True})).json()["type"] == "/problems/statuses-off"


async def test_an_entry_stays_as_it_was_made_but_for_its_publication_and_a_comment_forgotten(
    api: ServiceClient, orders_url: str
) -> None:
    order = await placed(api)
    await applied(api, order, "processing", comment="a name")
    connection = await asyncpg.connect(orders_url)
    for wrong in (
        "UPDATE status_entry SET applied_by = 'user:other'",
        "UPDATE status_entry SET comment = 'another'",
        "UPDATE status_entry SET actions = '{}'",
        "DELETE FROM status_entry",
    ):
        with pytest.raises(asyncpg.RaiseError):
            await connection.execute(wrong)
    await connection.execute("UPDATE status_entry SET comment = NULL, published = NOT published")
    await connection.close()
    assert (await entries(api, order))[0]["comment"] is None


async def test_transitions_refuse_what_may_not_follow_and_name_what_may(api: ServiceClient) -> None:
    moves = [{"from": None, "to": "new"}, {"from": "new", "to": "processing"}, {"from": "new", "to": "on-hold"}]
    await api.put("/v1/statuses/transitions/order", json={"moves": moves})
    order = await placed(api)
    refused = await apply(api, order, "processing")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/transition-not-allowed")
    assert "may follow: new;" in refused.json()["detail"]
    await applied(api, order, "new")
    assert "may follow: on-hold, processing;" in (await apply(api, order, "completed")).json()["detail"]
    await applied(api, order, "processing")
    assert "may follow: nothing;" in (await apply(api, order, "new")).json()["detail"]
    await applied(api, order, "paid")
    assert len(await entries(api, order)) == 3, "other tracks are free"


async def test_what_cannot_be_applied_is_refused_and_nothing_is_done(api: ServiceClient) -> None:
    order = await placed(api)
    old = await invent(api, "old")
    await api.post(f"/v1/statuses/{old}/archive")
    assert (await apply(api, order, "old")).json()["type"] == "/problems/status-archived"
    unknown = await apply(api, order, "nothing")
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "status")
    assert (await apply(api, {"id": uuid4()}, "new")).status_code == 404
    await api.put("/v1/statuses/settings", json={"mode": "off"})
    assert (await apply(api, order, "new")).json()["type"] == "/problems/statuses-off"
    assert (await whole(api, order["id"]))["version"] == order["version"]


async def test_part_f114_a_type_acts_only_through_the_orders_own_state_machine(api: ServiceClient) -> None:
    open_one, sure = await placed(api), await confirmed(api)
    ship, refusal = await apply(api, open_one, "ready"), "/problems/not-confirmed"
    assert (ship.status_code, ship.json()["type"]) == (409, refusal)
    assert await entries(api, open_one) == []
    await applied(api, sure, "ready")
    assert (await topics(api, sure))[-2:] == ["order.ready", "status.changed"]
    assert (await whole(api, sure["id"]))["lifecycle"] == "confirmed"

    early = await apply(api, sure, "completed")
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-completable")
    assert "not everything is delivered" in early.json()["detail"]
    await applied(api, sure, "cancelled")
    assert (await topics(api, sure))[-2:] == ["order.cancel_requested", "status.changed"], "shipping is asked"
    await applied(api, open_one, "cancelled")
    gone = await whole(api, open_one["id"])
    assert (gone["lifecycle"], gone["cancel_reason"]) == ("cancelled", "shop")

    done = await confirmed(api)
    await hear(api, Said(done).parcels("delivered"))
    assert (await whole(api, done["id"]))["lifecycle"] == "completed"
    assert (await applied(api, done, "completed"))["outcome"] == "applied", "it is complete already: a label"
    assert (await apply(api, done, "cancelled")).json()["type"] == "/problems/not-cancellable"
    held = await confirmed(api)
    await api.post(f"/v1/orders/{held['id']}/hold", json={"reason": "ask"})
    assert "held (manual)" in (await apply(api, held, "completed")).json()["detail"]
    assert (await apply(api, held, "ready")).status_code == 409


async def test_f102_f104_f108_statuses_are_off_internal_for_customers_or_both_and_posted_by_api_alone(
    api: ServiceClient,
) -> None:
    await invent(api, "silent", texts=TOLD, actions={"publish": False, "mail": True, "invoice": True})
    await invent(api, "loud", texts=TOLD, actions={"publish": True, "mail": True})
    tool = api.as_role("erp")
    expected = {
        "off": None,
        "internal": {"silent": (False, False), "loud": (False, False)},
        "customer": {"silent": (True, True), "loud": (True, True)},
        "both": {"silent": (False, False), "loud": (True, True)},
    }
    for mode, told in expected.items():
        assert (await api.put("/v1/statuses/settings", json={"mode": mode})).status_code == 200
        order = await placed(api, external_id=mode)
        if told is None:
            refused = await apply(tool, order, "loud")
            assert (refused.status_code, await entries(api, order)) == (409, [])
            continue
        for status in told:
            await applied(tool, order, status)
        found = {
            entry["mnemonic"]: (entry["published"], entry["actions"]["mail"]) for entry in await entries(api, order)
        }
        assert found == told, mode
        facts = [fact for fact in await said(api) if fact["order"]["id"] == order["id"]]
        assert [(fact["published"], fact["actions"]["mail"]) for fact in facts] == list(told.values())


async def test_f3_f5_web_imported_and_keyed_orders_have_the_same_statuses_and_actions(api: ServiceClient) -> None:
    await invent(api, "packed", actions={"publish": True, "mail": True})
    desk = {"code": "desk", "name": "Desk", "kind": "desk", "seller": "ro", "languages": ["ro"], "currency": "RON"}
    answer = await api.post("/v1/channels", json=desk | {"time_zone": "Europe/Bucharest", "depots": ["main"]})
    assert answer.status_code == 201, answer.text
    seen = []
    for channel in ("web", "emag", "desk"):
        order = await placed(api, channel=channel, external_id=f"{channel}-1")
        entry = (await applied(api, order, "packed"))["entry"]
        seen.append({name: entry[name] for name in ("mnemonic", "actions", "published", "type", "number")})
    assert seen[0] == seen[1] == seen[2]
    changed = [{k: fact[k] for k in ("status", "actions", "published", "text")} for fact in await said(api)]
    assert changed[0] == changed[1] == changed[2]


async def test_b5_a_dry_run_says_what_would_happen_and_leaves_nothing(api: ServiceClient, orders_url: str) -> None:
    every = {"publish": True, "mail": True, "sms": True, "invoice": True}
    texts = {"ro": TOLD["ro"] | {"sms": "ță {order_number} {tracking_link}"}}
    await invent(api, "bye", type="cancelled", actions=every, texts=texts)
    rule = {"name": "show it", "topic": "order.cancelled", "status": "on-hold"}
    assert (await api.post("/v1/statuses/rules", json=rule)).status_code == 201
    order = await placed(api)
    path = f"/v1/orders/{order['id']}/status/dry-run"
    tables = ("status_entry", "order_status", "status_refusal", "outbox", "order_event", "idempotency_key")

    async def rows() -> list[int]:
        connection = await asyncpg.connect(orders_url)
        counted = [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608 - constants
        await connection.close()
        return counted

    before = await rows()
    told = (await api.post(path, json={"status": "bye"})).json()
    assert (told["outcome"], told["publish"], told["invoice"]) == ("applied", True, True)
    assert told["mail"] == {"to": "Ana@Example.ro", "language": "ro", "subject": "Gravăm"}
    assert (told["sms"]["encoding"], told["sms"]["parts"]) == ("ucs-2", 1)
    assert told["warnings"] == ["the SMS is counted without tracking_link: filled in when it is sent"]
    assert told["says"] == ["order.cancelled", "status.changed", "status.changed"]
    assert told["rules"] == [{"rule": "show it", "status": "on-hold", "reason": None}]
    masked = await api.as_role("erp").post(path, json={"status": "bye"})
    assert masked.json()["mail"]["to"] == "A***@Example.ro"
    refused = (await api.post(path, json={"status": "ready"})).json()
    assert (refused["outcome"], refused["problem"]["type"]) == ("refused", "/problems/not-confirmed")
    assert (await api.post(path, json={"status": "no"})).status_code == 422
    assert [after - was for after, was in zip(await rows(), before, strict=True)] == [0] * len(tables)
    assert (await whole(api, order["id"]))["lifecycle"] == "open"
    await applied(api, order, "bye")
    assert (await topics(api, order))[-3:] == told["says"], "what it said is what happens"


async def many(api: ServiceClient, count: int) -> list[dict[str, Any]]:
    """So many orders."""
    bodies = [submitted(external_id=None) for _ in range(count)]
    answers = await asyncio.gather(*(api.post("/v1/orders", json=body) for body in bodies))
    return [answer.json() for answer in answers]


async def test_f132_part_f103_many_orders_at_once_each_with_its_own_result(api: ServiceClient, orders_url: str) -> None:
    orders = await many(api, 6)
    await applied(api, orders[1], "processing")
    sure = await confirmed(api)
    items = [{"order_id": order["id"]} for order in orders[:2]]
    items += [{"order_id": orders[2]["id"], "status": "ready"}, {"order_id": str(uuid4())}]
    items += [{"order_id": sure["id"], "status": "ready", "comment": "soon"}]
    items += [{"order_id": orders[3]["id"], "status": "nothing"}]
    body = {"status": "processing", "comment": "hello", "items": items}
    headers = {"Idempotency-Key": "bulk-1"}
    done = await api.post("/v1/orders/status", json=body, headers=headers)
    results = done.json()["items"]
    assert [each["order_id"] for each in results] == [each["order_id"] for each in items]
    assert [each["outcome"] for each in results] == ["applied", "noop", "refused", "refused", "applied", "refused"]
    problems = [each["problem"]["type"] for each in results if each["problem"]]
    assert problems == [f"/problems/{slug}" for slug in ("not-confirmed", "not-found", "invalid")]
    assert "order.ready" in await topics(api, sure)
    assert (await entries(api, sure))[0]["comment"] == "soon"
    assert (await entries(api, orders[0]))[0]["comment"] == "hello"
    assert (await whole(api, orders[0]["id"]))["version"] == results[0]["version"]

    facts = len(await said(api))
    await applied(api, orders[0], "new")
    connection = await asyncpg.connect(orders_url)
    kept = await connection.fetchval("SELECT count(*) FROM idempotency_key WHERE key LIKE 'bulk-1#%'")
    await connection.execute("DELETE FROM idempotency_key WHERE key = $1", f"bulk-1#{sure['id']}")
    await connection.close()
    assert kept == len(items)
    again = (await api.post("/v1/orders/status", json=body, headers=headers)).json()["items"]
    assert again[:4] == results[:4], "what was done is told again, not done again"
    assert again[4]["outcome"] == "noop", "what was not known to be done is done"
    assert len(await said(api)) == facts + 1
    other = body | {"comment": "something else"}
    assert (await api.post("/v1/orders/status", json=other, headers=headers)).status_code == 422
    twice = {"status": "new", "items": [items[0], items[0]]}
    assert (await api.post("/v1/orders/status", json=twice)).status_code == 422
    assert (await api.post("/v1/orders/status", json={"items": [items[0]]})).status_code == 422


async def test_two_people_a_rule_and_two_bulk_calls_at_once_lose_and_double_nothing(api: ServiceClient) -> None:
    rule = {"name": "answer", "topic": "status.changed", "status": "paid"}
    conditions = [{"field": "status", "op": "in", "value": ["processing", "on-hold"]}]
    assert (await api.post("/v1/statuses/rules", json=rule | {"conditions": conditions})).status_code == 201
    orders = await many(api, 20)
    items = [{"order_id": order["id"]} for order in orders]
    calls = [
        api.post("/v1/orders/status", json={"status": "processing", "items": items}),
        *(api.post("/v1/orders/status", json={"status": "processing", "items": items[::-1]}) for _ in range(3)),
        *(apply(api, order, "on-hold") for order in orders),
        *(apply(api, order, "on-hold") for order in orders),
    ]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200}
    told = await said(api)
    for order in orders:
        found = (await entries(api, order))[::-1]
        assert [each["number"] for each in found] == list(range(1, len(found) + 1))
        by_track = [each["mnemonic"] for each in found if each["track"] == "order"]
        assert all(one != other for one, other in itertools.pairwise(by_track)), "never the same again"
        assert [each["mnemonic"] for each in found].count("paid") == 1
        mine = sorted(
            (fact for fact in told if fact["order"]["id"] == order["id"]), key=lambda f: f["order"]["version"]
        )
        assert [fact["entry"] for fact in mine] == [each["id"] for each in found], "one fact for each, in order"
        await topics(api, order)


async def test_a_bulk_call_takes_few_statements_whatever_the_number_of_its_orders(
    statements: Statements, api: ServiceClient, orders_url: str
) -> None:
    counted = []
    for status, count in (("new", 2), ("processing", 3), ("new", 30)):
        items = [{"order_id": order["id"]} for order in await many(api, count)]
        await statements.of(orders_url)
        assert (await api.post("/v1/orders/status", json={"status": status, "items": items})).status_code == 200
        counted.append([each for each in await statements.of(orders_url) if "order_list" not in each])
    assert len(counted[1]) == len(counted[2]), counted[2]


async def test_b17_part_an_old_order_gets_statuses_as_labels_alone(api: ServiceClient) -> None:
    body = submitted(external_id="old", historic=True, placed_at="2020-01-01T00:00:00Z")
    order = (await api.post("/v1/orders", json=body)).json()
    assert (await applied(api, order, "ready"))["outcome"] == "applied"
    assert "order.ready" not in await outbox_topics(api)


async def outbox_topics(api: ServiceClient) -> set[str]:
    """Every topic that was said so far."""
    async with api.context.uow(Cause("system:test")) as tx:
        return {row["type"] for row in await tx.sql.fetch("SELECT type FROM outbox")}
