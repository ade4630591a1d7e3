"""One customer, planted in all five services and on the bus, then erased: nothing is left in any column or log."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from libs.contracts.orders import OrderChanged, OrderCreated
from libs.events.bus import Outgoing, Record
from libs.events.testing import record_of
from libs.events.transaction import new_id
from libs.service.testing import ServiceClient, running, until
from services.inventory.__main__ import service as inventory
from services.notifications.__main__ import service as notifications
from services.orders.__main__ import service as orders
from services.payments.__main__ import service as payments
from services.shipping.__main__ import service as shipping
from tests.databases import Databases
from tests.service.erasing import planted
from tests.service.erasing.planted import CITY, EMAIL, ENGRAVED, GIFT, NAME, NOTE, PHONE, SHOPS_ID, STREET, search
from tests.service.orders.conftest import make_topics
from tests.service.orders.stage import open_shop
from tests.standins.smtp.app import SmtpStandIn
from tests.unit.orders.said import submitted

SERVICES = {each.name: each for each in (orders, inventory, payments, shipping, notifications)}
THEY = {"id": SHOPS_ID, "name": NAME, "email": EMAIL, "email_verified": True, "phone": PHONE}
HOME = {"country": "RO", "region": "Cluj", "city": CITY, "postal_code": "400001", "street": STREET, "name": NAME}


@dataclass
class Town:
    """All five services, each over its own database, and one bus."""

    apis: dict[str, ServiceClient]
    urls: dict[str, str]

    @property
    def desk(self) -> ServiceClient:
        """Orders, as a manager."""
        return self.apis["orders"]

    async def sql(self, service: str, statement: str, *values: Any) -> list[asyncpg.Record]:
        """Straight in a service's database."""
        connection = await asyncpg.connect(self.urls[service])
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def left(self) -> dict[str, set[str]]:
        """What of the planted person stands where."""
        found = {name: await search(url) for name, url in self.urls.items()}
        return {f"{name}.{column}": words for name, columns in found.items() for column, words in columns.items()}


@pytest.fixture
async def town(database: Databases) -> AsyncIterator[Town]:
    bus = await database("bus", make_topics)
    urls = {name: await database(name) for name in SERVICES}
    with SmtpStandIn() as smtp:
        async with AsyncExitStack() as stack:
            apis = {}
            for name, service in SERVICES.items():
                more: dict[str, Any] = {}
                if name == "notifications":
                    more = {"smtp_host": smtp.host, "smtp_port": smtp.smtp_port, "mail_from": "shop@pravalia.example"}
                apis[name] = await stack.enter_async_context(running(service, urls[name], bus, **more))
            await open_shop(apis["orders"])
            yield Town(apis, urls | {"bus": bus})


async def ended_order(town: Town, key: str = "first") -> UUID:
    """An order of theirs that was cancelled, known to every service, and mails about it that were sent."""
    lines = submitted()["lines"]
    lines[0]["options"] = {"engraving": ENGRAVED}
    body = submitted(
        customer=THEY, billing=HOME, shipping=HOME, delivery_note=NOTE, gift_note=GIFT, lines=lines,
        attributes={"for": ENGRAVED}, payment_method="paypal", external_id=f"planted-{key}",
    )  # fmt: skip
    answer = await town.desk.post("/v1/orders", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    order = answer.json()["id"]
    cancelled = await town.desk.post(f"/v1/orders/{order}/cancel", json={"reason": "customer"})
    assert cancelled.status_code == 200, cancelled.text

    async def told() -> bool:
        sent = await town.sql(
            "notifications", "SELECT count(*) FROM message WHERE sent_at IS NOT NULL AND kind <> 'new_order'"
        )
        known = await town.sql(
            "shipping", "SELECT snapshot->>'lifecycle' AS l FROM known_order WHERE order_id = $1", UUID(order)
        )
        return bool(sent[0][0] >= 2 and known and known[0]["l"] == "cancelled")

    await until(told, why="the mails about it were sent")
    return UUID(order)


async def plant(town: Town, order: UUID, topic_of_poison: str = "order.held") -> None:
    """What a longer life would have left: parcels, labels, callbacks, webhooks, dead letters, a hold."""
    parcel, fulfilment, payment = new_id(), new_id(), new_id()
    words = f"{NAME}, {STREET}, {CITY}, {PHONE}"
    await town.sql(
        "shipping",
        "INSERT INTO fulfilment (id, order_id, version, order_version, fact_sequence) VALUES ($1, $2, 1, 1, 0)",
        fulfilment,
        order,
    )
    await town.sql(
        "shipping",
        """INSERT INTO shipment (id, fulfilment_id, order_id, depot, kind, courier, token, state, status, weight_g,
               parcels, asked, bookings, void, sent_to, awb, failure, planned_at)
           VALUES ($1, $2, $3, 'main', 'courier', 'fan', 'tok-1', 'returned', 'returned', 1, 1, true, 1,
               'no', 'print', 'AWB777', $4, now())""",
        parcel, fulfilment, order, f"no such address: {words}",
    )  # fmt: skip
    await town.sql(
        "shipping",
        """INSERT INTO label (shipment_id, awb, size, format, sha256, content)
           VALUES ($1, 'AWB777', 'A6', 'pdf', sha256($2), $2)""",
        parcel, f"%PDF {words}".encode(),
    )  # fmt: skip
    await town.sql(
        "shipping",
        """INSERT INTO tracking_event (id, shipment_id, awb, code, status, text, location, occurred_at, source)
           VALUES ($1, $2, 'AWB777', 'S2', 'delivered', $3, 'Cluj', now(), 'push')""",
        new_id(), parcel, f"received by {NAME}",
    )  # fmt: skip
    for state in ("done", "parked"):
        raw = json.dumps({"awb": "AWB777", "receivedBy": NAME, "state": state}).encode()
        await town.sql(
            "shipping",
            "INSERT INTO callback (id, account, raw, sha256, state) VALUES ($1, 'fan', $2, sha256($2), $3)",
            new_id(),
            raw,
            state,
        )
    await town.sql(
        "shipping",
        """INSERT INTO courier_call (id, order_id, shipment_id, kind, account, reference, call_state, last_error)
           VALUES ($1, $2, $3, 'book', 'fan', 'AW1', 'failed', $4)""",
        new_id(), order, parcel, words,
    )  # fmt: skip
    (payment,) = (await town.sql("payments", "SELECT id FROM payment WHERE order_id = $1", order))[0]
    await town.sql("payments", "UPDATE payment SET failure = $2 WHERE id = $1", payment, f"declined for {NAME}")
    await town.sql(
        "payments",
        """INSERT INTO webhook_inbox (id, order_id, provider, account_id, event_id, event_type, delivery_id, headers,
               body, call_state, note) VALUES ($1, $2, 'paypal', 'a', 'WH-1', 'X', 'd', '{}', $3, 'succeeded', $4)""",
        new_id(), order, json.dumps({"payer": {"email_address": EMAIL, "name": NAME}}).encode(), f"paid by {NAME}",
    )  # fmt: skip
    hold = """INSERT INTO hold (id, order_id, kind, about, reason, fields, placed_at, placed_by)
              VALUES ($1, $2, 'manual', 'x', $3, '[]', now(), 'user:1')"""
    await town.sql("orders", hold, new_id(), order, f"{NAME} rang")
    poison = Outgoing(topic_of_poison, str(order), json.dumps({"order": {}, "person": {"name": NAME}}).encode(), ())
    await town.desk.context.bus.publish([poison])

    async def buried() -> bool:
        return all(
            [
                await town.sql(name, "SELECT 1 FROM dead_letter WHERE key = $1", str(order))
                for name in ("inventory", "payments", "shipping", "notifications")
            ]
        )

    await until(buried, why="what makes no sense was buried by all who read it")


async def customer_of(town: Town, order: UUID) -> UUID:
    return UUID((await town.desk.get(f"/v1/orders/{order}")).json()["customer_id"])


async def test_b13_erasing_a_customer_leaves_nothing_of_them_in_any_column_of_any_service_or_log(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    order = await ended_order(town)
    await plant(town, order)
    before = set(await town.left())
    assert {
        *(
            "orders.customer.email",
            "orders.channel_customer.external_id",
            "orders.orders.person",
            "orders.order_line.options",
        ),
        *("orders.orders.customer", "orders.orders.attributes", "orders.hold.reason"),
        *(
            "shipping.known_order.person",
            "shipping.label.content",
            "shipping.tracking_event.text",
            "shipping.callback.raw",
        ),
        *("shipping.shipment.failure", "shipping.courier_call.last_error", "shipping.dead_letter.value"),
        *("payments.webhook_inbox.body", "payments.webhook_inbox.note", "payments.payment.failure"),
        *("notifications.message.recipient", "notifications.message.text", "notifications.known_order.email"),
        *("bus.bus_record.value", "inventory.dead_letter.value"),
    } <= before  # the search finds what is there
    money = await town.sql(
        "orders", "SELECT number, total, currency, lifecycle, placed_at FROM orders WHERE id = $1", order
    )
    records = [
        each for topic in ("order.created", "order.cancelled") for each in await town.desk.context.bus.read(topic)
    ]
    customer = await customer_of(town, order)
    await all_that_is_held_is_one_document(town, customer, order)

    answer = await town.desk.post(f"/v1/customers/{customer}/erase", json={"reason": "customer_asked"})

    assert answer.status_code == 200, answer.text
    assert answer.json()["orders"] == 1
    left: dict[str, set[str]] = {"not": {"searched"}}

    async def gone() -> bool:
        nonlocal left
        left = await town.left()
        return not left

    try:
        await until(gone, every=0.1)
    except AssertionError:
        assert left == {}
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))
    assert planted.found_in(ours) == set()  # mail.*: the mail server that is played
    kept = await town.sql(
        "orders", "SELECT number, total, currency, lifecycle, placed_at FROM orders WHERE id = $1", order
    )
    assert [tuple(row) for row in kept] == [tuple(row) for row in money]  # money and law stay
    assert len(await town.sql("orders", "SELECT 1 FROM order_line WHERE order_id = $1", order)) == 2
    assert planted.found_in(json.dumps(await exported(town, customer), ensure_ascii=False)) == set()
    await late_facts_come_without_the_person(town, order, records)
    await who_comes_back_is_somebody_new(town, customer)


async def exported(town: Town, customer: UUID) -> list[dict[str, Any]]:
    """What orders exports of a customer, then what it says that the others hold."""
    answer = await town.desk.get(f"/v1/customers/{customer}/export")
    assert answer.status_code == 200, answer.text
    document = [answer.json()]
    for path in document[0]["elsewhere"]:
        part = await town.apis[path.split("/")[3].split("?")[0]].get(path)
        assert part.status_code == 200, part.text
        document.append(part.json())
    return document


async def all_that_is_held_is_one_document(town: Town, customer: UUID, order: UUID) -> None:
    """All that is known of them can be handed to them, and nothing of the shop's own with it."""
    document = await exported(town, customer)
    assert [part.get("service") for part in document] == [None, "payments", "shipping", "notifications"]
    told = document[0]["orders"][0]
    assert told["order"]["id"] == str(order)
    assert [line["name"] for line in told["order"]["lines"]] == ["Cană", "Farfurie"]
    assert told["order"]["shipping"]["street"] == STREET
    assert told["history"][0]["topic"] == "order.created"
    assert document[0]["customer"]["email"] == EMAIL
    assert document[0]["customer"]["known_as"] == [{"channel": "web", "id": SHOPS_ID}]
    assert document[2]["held"]["known_order"][0]["person"]["name"] == NAME
    assert document[3]["held"]["message"][0]["recipient"] in {EMAIL, "shop@example.ro"}
    assert not {"held", "stuck", "taken_by"} & set(told["order"])
    operator = town.desk.as_role("storefront")
    assert (await operator.get(f"/v1/customers/{customer}/export")).status_code == 403


async def late_facts_come_without_the_person(town: Town, order: UUID, records: list[Record]) -> None:
    """Facts from before that come again, and one that is newer than all: taken, without the person."""
    facts = [OrderCreated.model_validate_json(record.value) for record in records]
    assert facts[0].person is not None
    newer = OrderChanged(order=facts[-1].order.model_copy(update={"version": 99}), person=facts[0].person)
    again = facts[0].model_copy(update={"order": facts[0].order.model_copy(update={"version": 98})})
    for name in ("inventory", "payments", "shipping", "notifications"):
        for fact in (again, newer):
            await SERVICES[name].consumer.deliver(town.apis[name].context.uow, record_of(fact))
    assert (await town.sql("shipping", "SELECT version, person FROM known_order WHERE order_id = $1", order))[0][
        "version"
    ] == 99
    poison = Outgoing("order.paid", str(order), json.dumps({"order": {}, "person": {"name": NAME}}).encode(), ())
    await town.desk.context.bus.publish([poison])

    async def buried() -> bool:
        return bool(await town.sql("shipping", "SELECT 1 FROM dead_letter WHERE topic = 'order.paid'"))

    await until(buried)
    left = await town.left()
    assert {where: what for where, what in left.items() if not where.startswith("bus.")} == {}


async def who_comes_back_is_somebody_new(town: Town, erased: UUID) -> None:
    """The same person orders again: a new customer; a call repeated from before tells that its answer is gone."""
    body = submitted(customer=THEY, external_id="planted-again")
    answer = await town.desk.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    customer = await customer_of(town, UUID(answer.json()["id"]))
    assert customer != erased
    shown = await town.desk.get(f"/v1/customers/{erased}")
    assert (shown.json()["name"], shown.json()["email"], shown.json()["known_as"]) == (None, None, [])
    assert shown.json()["erased_at"] is not None
