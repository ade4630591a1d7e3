"""The audit: every command and fact with who, when, what, before and after; chained, searched, verified, forgotten."""

import asyncio
import os
import sys
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.contracts.notifications import NotificationFailed
from libs.events.testing import record_of
from libs.events.transaction import Cause, new_id
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from services.orders.lifecycle.audit_store import Search, query
from services.orders.lifecycle.auditing import verify
from tests.service.orders.stage import hear, placed
from tests.unit.orders.said import Said

TAMPERED = {
    "number": "number + 100",
    "event_id": "gen_random_uuid()",
    "topic": "topic || '2'",
    "at": "at + interval '1 microsecond'",
    "actor": "'user:nobody'",
    "correlation_id": "gen_random_uuid()",
    "causation_id": "gen_random_uuid()",
    "detail": """detail || '{"more": 1}'""",
    "before": """'{"holds": ["fraud"]}'""",
    "after": """after || '{"holds": []}'""",
    "personal": """'{"reason": "another"}'""",
    "salt": r"'\x00'",
    "personal_digest": r"'\x00'",
    "chain": r"'\x00'",
}
_HELD = "order_id = $1 AND topic = 'order.held'"
_SETS = [*(f"{column} = {value}" for column, value in TAMPERED.items()), "chain = NULL", "personal = NULL"]
CHANGES = [f"UPDATE order_event SET {what} WHERE {_HELD}" for what in _SETS]  # noqa: S608 - constants
CHANGES.append(f"DELETE FROM order_event WHERE {_HELD}")  # noqa: S608 - constants
CUT = [
    "DELETE FROM order_event e WHERE order_id = $1 AND number = (SELECT events FROM orders WHERE id = $1)",
    """WITH cut AS (DELETE FROM order_event WHERE order_id = $1 AND number = (SELECT events FROM orders WHERE id = $1))
       UPDATE orders SET events = events - 1 WHERE id = $1""",
    r"UPDATE orders SET chain = '\x00' WHERE id = $1",
    "UPDATE orders SET events = events + 1 WHERE id = $1",
    """INSERT INTO order_event (order_id, number, event_id, topic, at, actor, correlation_id, detail)
       SELECT id, events + 1, id, 'order.paid', now(), 'user:ana', id, '{}' FROM orders WHERE id = $1""",
]


async def events(api: ServiceClient, order_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/orders/{order_id}/events", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def failed(order: dict[str, Any]) -> NotificationFailed:
    """A mail bounced, and the server said of whom."""
    words = "no such mailbox: Ana <ana@example.ro>"
    order_id = UUID(order["id"])
    return NotificationFailed(message=new_id(), version=1, order_id=order_id, kind="paid", by="mail", reason=words)


async def audit(api: ServiceClient, order_id: str) -> list[int]:
    """Where the order's timeline breaks."""
    answer = (await api.get(f"/v1/orders/{order_id}/audit")).json()
    assert answer["verified"] is (not answer["breaks"])
    return [found["number"] for found in answer["breaks"]]


async def held_order(api: ServiceClient, **changes: Any) -> dict[str, Any]:
    """An order that was reserved, held with a reason, and released."""
    order = await placed(api, **changes)
    await hear(api, Said(order).stock("reserved"))
    for command, body in (("hold", {"reason": "Ana Pop asked"}), ("release-hold", {"kind": "manual"})):
        answer = await api.as_role("operator").post(f"/v1/orders/{order['id']}/{command}", json=body)
        assert answer.status_code == 200, answer.text
    return order


async def test_f81_every_command_and_fact_stands_in_the_order_with_who_when_what_before_and_after(
    api: ServiceClient,
) -> None:
    order = await held_order(api)
    path, said = f"/v1/orders/{order['id']}", Said(order)
    await hear(api, said.money("received"))
    await api.put(f"{path}/visibility", json={"visible": False})
    await api.post(f"{path}/tracking-link/revoke")
    await api.post(f"{path}/ready")
    await api.post(f"{path}/cancel", json={"reason": "fraud"})
    found = await events(api, order["id"])
    assert [event["number"] for event in found] == list(range(1, len(found) + 1))
    by_topic = {event["topic"]: event for event in found}
    assert [event["topic"] for event in found] == [
        *("order.created", "stock.reserved", "order.reserved", "order.held", "order.released", "payment.received"),
        *("order.paid", "order.confirmed", "visibility.set", "tracking_link.revoked", "order.ready"),
        "order.cancel_requested",
    ]
    created, held = by_topic["order.created"], by_topic["order.held"]
    assert (created["before"], created["after"]["lifecycle"], created["after"]["due"]) == ({}, "open", 11000)
    assert (held["actor"], held["before"], held["after"]) == (
        "key:development-operator",
        {"holds": []},
        {"holds": ["manual"]},
    )
    assert (held["detail"]["kind"], held["personal"]) == ("manual", {"reason": "Ana Pop asked"})
    assert by_topic["order.released"]["after"] == {"holds": []}
    assert by_topic["stock.reserved"]["actor"] == "system:test"
    assert by_topic["stock.reserved"]["detail"]["state"] == "reserved"
    assert (by_topic["visibility.set"]["before"], by_topic["visibility.set"]["after"]) == (
        {"visible": None},
        {"visible": False},
    )
    assert by_topic["tracking_link.revoked"]["after"] == {"link": False}
    assert by_topic["order.ready"]["after"]["ready"] is True
    assert by_topic["order.cancel_requested"]["after"]["cancel_requested"] == "fraud"
    assert all(event["at"] and event["actor"] and event["correlation_id"] for event in found)
    assert await audit(api, order["id"]) == []


async def test_b3_events_have_gap_free_numbers_and_are_replayed_from_any_of_them(api: ServiceClient) -> None:
    order = await held_order(api)
    whole = await events(api, order["id"])
    replayed: list[dict[str, Any]] = []
    while page := await events(api, order["id"], after=len(replayed), limit=2):
        replayed += page
    assert replayed == whole
    assert [event["number"] for event in whole] == list(range(1, len(whole) + 1))
    assert await events(api, order["id"], after=len(whole)) == []
    assert (await api.get(f"/v1/orders/{new_id()}/events")).status_code == 404
    assert (await api.get(f"/v1/orders/{order['id']}/events?after=-1")).status_code == 422


async def test_what_is_personal_is_shown_to_who_may_see_customers_only(api: ServiceClient) -> None:
    order = await held_order(api)
    for role, sees in (("operator", True), ("storefront", False), ("erp", False)):
        path = f"/v1/orders/{order['id']}"
        for answer in (await api.as_role(role).get(f"{path}/events"), await api.as_role(role).get(f"{path}/timeline")):
            assert answer.status_code == 200
            assert ("Ana Pop asked" in answer.text) is sees, (role, answer.request.url)


async def test_f82_what_somebody_did_and_what_was_done_for_a_customer_is_found(api: ServiceClient) -> None:
    mine = await held_order(api, external_id="1")
    other = await held_order(api, external_id="2", customer={"email": "else@example.ro", "email_verified": True})

    async def found(**params: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        after = None
        while True:
            answer = await api.get("/v1/audit", params=params | {"limit": 2} | ({"after": after} if after else {}))
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            if (after := answer.json()["next"]) is None:
                return items

    operator = await found(actor="key:development-operator")
    assert {(event["order_number"], event["topic"]) for event in operator} >= {
        (order["number"], topic) for order in (mine, other) for topic in ("order.held", "order.released")
    }
    assert {event["actor"] for event in operator} == {"key:development-operator"}
    assert [event["at"] for event in operator] == sorted((event["at"] for event in operator), reverse=True)
    theirs = await found(customer_id=mine["customer_id"])
    assert sorted(event["number"] for event in theirs) == [e["number"] for e in await events(api, mine["id"])]
    assert {event["order_id"] for event in theirs} == {mine["id"]}
    both = await found(actor="key:development-operator", customer_id=mine["customer_id"], topic="order.held")
    assert [(event["order_id"], event["personal"]) for event in both] == [(mine["id"], {"reason": "Ana Pop asked"})]
    at = both[0]["at"]
    assert await found(actor="key:development-operator", topic="order.held", **{"from": at, "until": at}) == []
    assert len(await found(actor="key:development-operator", topic="order.held", **{"from": at})) == 2
    assert await found(actor="user:nobody") == []
    nothing = await api.get("/v1/audit")
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "actor")
    assert (await api.as_role("operator").get("/v1/audit?actor=x")).status_code == 403
    assert (await api.as_role("operator").get(f"/v1/orders/{mine['id']}/audit")).status_code == 403


async def test_a_search_reads_by_an_index(api: ServiceClient) -> None:
    async with api.context.uow(Cause("system:test")) as tx:
        await tx.sql.execute("SET LOCAL enable_seqscan = off")
        for search in (Search("user:ana", None, None, None, None), Search(None, new_id(), None, None, None)):
            statement, arguments = query(search, None, 50)
            plan = "\n".join(row[0] for row in await tx.sql.fetch(f"EXPLAIN {statement}", *arguments))
            assert "Seq Scan" not in plan, plan


class Intruder:
    """Somebody with the database's password and no respect for triggers, who is undone after each change."""

    def __init__(self, connection: "asyncpg.Connection[Any]", order: dict[str, Any]) -> None:
        self.sql, self.order_id = connection, UUID(order["id"])

    async def get_ready(self) -> None:
        """Keep what is there, and switch the triggers off."""
        await self.sql.execute("ALTER TABLE order_event DISABLE TRIGGER USER")
        await self.sql.execute("CREATE TABLE kept AS SELECT * FROM order_event")
        await self.sql.execute("CREATE TABLE kept_order AS SELECT * FROM orders")

    async def change(self, statement: str) -> None:
        """Change one thing."""
        assert (await self.sql.execute(statement, self.order_id)).split()[-1] == "1", statement

    async def undo(self) -> None:
        """Put everything back."""
        await self.sql.execute("DELETE FROM order_event WHERE order_id = $1", self.order_id)
        await self.sql.execute("INSERT INTO order_event SELECT * FROM kept WHERE order_id = $1", self.order_id)
        await self.sql.execute(
            "UPDATE orders o SET chain = k.chain, events = k.events FROM kept_order k WHERE k.id = o.id"
        )


async def test_b13_whatever_is_changed_the_audit_names_the_place(
    api: ServiceClient, orders_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    order, other = await held_order(api, external_id="1"), await held_order(api, external_id="2")
    whole = await events(api, order["id"])
    place, last = next(event["number"] for event in whole if event["topic"] == "order.held"), len(whole)
    connection = await asyncpg.connect(orders_url)
    columns = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'order_event'::regclass AND attnum > 0"
    )
    assert {row[0] for row in columns} == {*TAMPERED, "order_id"}, "each column is tried"
    intruder = Intruder(connection, order)
    await intruder.get_ready()
    for change in (*CHANGES, *CUT):
        await intruder.change(change)
        found = await audit(api, order["id"])
        assert found, change
        assert found[0] == place if change in CHANGES else found[0] >= last - 1, (change, found)
        assert await audit(api, other["id"]) == []
        await intruder.undo()
        assert await audit(api, order["id"]) == []
    assert await verify(api.context, {"order": None}) == 0
    assert "2 orders, " in capsys.readouterr().out
    await intruder.change(CHANGES[2])
    await connection.close()
    assert [await verify(api.context, {"order": number}) for number in (None, other["number"], "none")] == [1, 0, 2]
    out = capsys.readouterr().out
    assert f"order {order['number']}: event {place} is not what was written" in out
    assert f"order {other['number']}" not in out


async def test_the_timeline_is_only_added_to(api: ServiceClient, orders_url: str) -> None:
    order = await held_order(api)
    connection, order_id = await asyncpg.connect(orders_url), UUID(order["id"])
    refused = [change for change in CHANGES if "order_event" in change and "personal = NULL" not in change]
    for change in refused:
        with pytest.raises(asyncpg.RaiseError):
            await connection.execute(change, order_id)
    with pytest.raises(asyncpg.RaiseError):
        await connection.execute("TRUNCATE order_event")
    await connection.close()
    assert await audit(api, order["id"]) == []


async def test_b13_erasing_a_customer_leaves_it_verifiable(api: ServiceClient, orders_url: str) -> None:
    order = await held_order(api)
    assert (await api.post(f"/v1/orders/{order['id']}/cancel", json={})).json()["lifecycle"] == "cancelled"
    erased = await api.post(f"/v1/customers/{order['customer_id']}/erase", json={"reason": "customer_asked"})
    assert erased.status_code == 200, erased.text
    await hear(api, failed(order), Said(order).stock("released"))
    found = await events(api, order["id"])
    assert [event["topic"] for event in found if event["personal"]] == []
    connection = await asyncpg.connect(orders_url)
    rows = await connection.fetch("SELECT e::text AS row, salt, personal_digest FROM order_event e")
    await connection.close()
    assert not [row for row in rows if "Ana" in row["row"] or row["salt"] is not None]
    assert len([row for row in rows if row["personal_digest"] is not None]) == 2
    assert await audit(api, order["id"]) == []


async def test_many_writers_leave_no_gap_and_one_chain(api: ServiceClient) -> None:
    order = await held_order(api)
    said, start = Said(order), len(await events(api, order["id"]))
    notes = [failed(order) for _ in range(8)]
    await asyncio.gather(
        *(consumer.deliver(api.context.uow, record_of(note)) for note in notes),
        *(api.post(f"/v1/orders/{order['id']}/hold", json={"reason": f"{n}"}) for n in range(4)),
        hear(api, said.money("received")),
    )
    found = await events(api, order["id"])
    assert len(found) == start + 8 + 4 + 2
    assert [event["number"] for event in found] == list(range(1, len(found) + 1))
    assert await audit(api, order["id"]) == []


async def test_verify_audit_is_a_command(api: ServiceClient, orders_url: str, bus_url: str) -> None:
    order = await held_order(api)
    given = os.environ | {"COMANDA_MODE": "development", "ORDERS_DATABASE_URL": orders_url, "EVENTS_BUS": bus_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.orders", "verify-audit", "--order", order["number"]),
        env=given,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 120)
    assert (process.returncode, out.decode().splitlines()[-1]) == (0, "1 orders, 5 events: the audit holds")
