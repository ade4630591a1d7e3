"""A shipping service with its database, its bus a FAN stand-in, and orders as the orders service tells of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from libs.contracts.common import Address, Money, Person, PickupPoint, Quantity
from libs.contracts.orders import (
    CancelReason,
    CancelRequest,
    DeliveryKind,
    FulfilmentAxis,
    GiveBack,
    HoldKind,
    Lifecycle,
    LineSnapshot,
    OrderCancelled,
    OrderCancelRequested,
    OrderChanged,
    OrderConfirmed,
    OrderCreated,
    OrderFact,
    OrderHeld,
    OrderReady,
    OrderReleased,
    OrderReserved,
    OrderSnapshot,
    PaymentAxis,
    StockAxis,
)
from libs.events.bus import Record
from libs.events.contract import Event
from libs.events.testing import record_of
from libs.events.transaction import Cause, new_id
from libs.service.testing import ServiceClient, until
from services.shipping.consumers import consumer
from tests.standins.fan.app import FanStandIn

ANA = Person(
    name="Ana Țepeș",
    email="ana@example.org",
    phone="0722123456",
    shipping=Address(
        country="RO", region="Brașov", city="Săcele", postal_code="505600", street="Str. Înfrățirii 5, sc. à"
    ),
    delivery_note="Sună înainte, s'il vous plaît",
)


def line(quantity: str = "2", *, depot: str = "main", at: dict[str, str] | None = None, **more: Any) -> LineSnapshot:
    """A line of mugs, reserved in one depot, or as `at` says."""
    allocations = {code: Quantity.parse(n) for code, n in (at or {depot: quantity}).items()}
    given: dict[str, Any] = {
        "id": new_id(), "sku": "mug", "name": "Cană", "unit": "piece", "unit_price": Money(1000, "RON"),
        "total": Money(2000, "RON"), "weight_g": 350, "ordered": Quantity.parse(quantity), "allocations": allocations,
    }  # fmt: skip
    return LineSnapshot(**(given | more))


@dataclass
class Order:
    """An order in the making: each fact carries the snapshot of its moment, one version on."""

    lines: tuple[LineSnapshot, ...] = ()
    method: str | None = "fan"
    kind: DeliveryKind = DeliveryKind.COURIER
    due: int = 0
    person: Person | None = ANA
    id: UUID = field(default_factory=new_id)
    version: int = 0
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines = self.lines or (line(),)

    def snapshot(self, **change: Any) -> OrderSnapshot:
        """The next snapshot, with a lasting change."""
        self.version += 1
        self.state |= change
        zero = Money.zero("RON")
        given: dict[str, Any] = {
            "id": self.id, "number": "RO-2026-000001", "version": self.version, "channel": "web", "language": "ro",
            "placed_at": datetime(2026, 11, 22, tzinfo=UTC), "lifecycle": Lifecycle.OPEN, "stock": StockAxis.RESERVED,
            "payment": PaymentAxis.RECEIVED, "fulfilment": FulfilmentAxis.NONE, "currency": "RON",
            "goods": Money(2000, "RON"), "total": Money(2000, "RON"), "delivery": zero, "charges": zero,
            "discounts": zero,
            "due_on_delivery": Money(self.due, "RON"), "delivery_method": self.method, "delivery_kind": self.kind,
            "lines": self.lines,
        }  # fmt: skip
        return OrderSnapshot(**(given | self.state))

    def _fact(self, kind: type[OrderFact], given: dict[str, Any], **change: Any) -> OrderFact:
        return kind(order=self.snapshot(**change), person=self.person, **given)

    def created(self) -> OrderFact:
        return self._fact(OrderCreated, {})

    def reserved(self) -> OrderFact:
        return self._fact(OrderReserved, {})

    def confirmed(self, **change: Any) -> OrderFact:
        return self._fact(OrderConfirmed, {}, lifecycle=Lifecycle.CONFIRMED, **change)

    def ready(self) -> OrderFact:
        return self._fact(OrderReady, {}, ready=True)

    def changed(self, **change: Any) -> OrderFact:
        return self._fact(OrderChanged, {}, **change)

    def held(self) -> OrderFact:
        return self._fact(OrderHeld, {"kind": HoldKind.MANUAL, "reason": "look"}, holds=(HoldKind.MANUAL,))

    def released(self) -> OrderFact:
        return self._fact(OrderReleased, {"kind": HoldKind.MANUAL}, holds=())

    def cancel_requested(self) -> OrderFact:
        request = CancelRequest(id=new_id(), reason=CancelReason.CUSTOMER)
        return self._fact(OrderCancelRequested, {}, cancel_request=request)

    def cancelled(self) -> OrderFact:
        given = {"reason": CancelReason.CUSTOMER, "give_back": GiveBack.ALL}
        return self._fact(OrderCancelled, given, lifecycle=Lifecycle.CANCELLED, cancel_request=None)

    def picks_up_at(self, point: str) -> "Order":
        self.kind, self.state["pickup_point"] = DeliveryKind.LOCKER, PickupPoint(id=point)
        return self


@dataclass
class World:
    """What a test speaks with."""

    api: ServiceClient
    fan: FanStandIn

    async def tell(self, *facts: Event) -> list[Record]:
        """Deliver facts of orders, as the bus would; the records, for delivering them again."""
        records = [record_of(fact) for fact in facts]
        await self.deliver(*records)
        return records

    async def deliver(self, *records: Record) -> None:
        """Each in a transaction of its own."""
        for record in records:
            await consumer.deliver(self.api.context.uow, record)
        self.api.context.wake["courier_call"].set()

    async def rows(self, statement: str, *values: Any) -> Sequence[dict[str, Any]]:
        """Straight from the database."""
        async with self.api.context.uow(Cause("system:test")) as tx:
            return [dict(row) for row in await tx.sql.fetch(statement, *values)]

    async def told(self, order: Order, topic: str = "shipment.%") -> list[dict[str, Any]]:
        """The facts about an order's fulfilment, oldest first, as type and data."""
        rows = await self.rows(
            """SELECT seq, type, payload::jsonb AS data FROM outbox WHERE key = $1 AND type LIKE $2
               UNION ALL SELECT seq, type, payload::jsonb FROM outbox_sent WHERE key = $1 AND type LIKE $2
               ORDER BY seq""",
            str(order.id),
            topic,
        )
        return [{"type": row["type"], **row["data"]} for row in rows]

    async def types(self, order: Order) -> list[str]:
        return [fact["type"] for fact in await self.told(order)]

    async def fulfilment(self, order: Order) -> dict[str, Any]:
        reply = await self.api.get(f"/v1/fulfilments/{order.id}")
        assert reply.status_code == httpx.codes.OK, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def shipment(self, order: Order) -> dict[str, Any]:
        """Its only live shipment."""
        (found,) = [each for each in (await self.fulfilment(order))["shipments"] if each["state"] != "cancelled"]
        return dict(found)

    async def until_state(self, order: Order, state: str, *, of: int = 1) -> dict[str, Any]:
        """Wait until so many shipments are in a state; one of them."""

        async def there() -> dict[str, Any] | None:
            found = [each for each in (await self.fulfilment(order))["shipments"] if each["state"] == state]
            return dict(found[0]) if len(found) == of else None

        found: dict[str, Any] | None = await until(there, within=60, why=f"{of} shipments {state}")
        assert found is not None
        return found

    async def until_told(self, order: Order, topic: str) -> dict[str, Any]:
        """Wait for a fact; its data."""

        async def there() -> dict[str, Any] | None:
            return next((fact for fact in await self.told(order) if fact["type"] == topic), None)

        found: dict[str, Any] | None = await until(there, within=60, why=topic)
        assert found is not None
        return found

    def booked(self, reference: str | None = None) -> list[dict[str, Any]]:
        """What FAN's book says was booked."""
        return [each for each in self.fan.did("booked") if reference in (None, each.get("reference"))]

    async def given_methods(self) -> None:
        """An account and a method of each kind."""
        sender = {"name": "Magazin SRL", "street": "Str. Depozitului 1", "city": "București", "phone": "0211234567"}
        facts = self.fan.facts()
        accounts: list[dict[str, Any]] = [
            {"code": "fan1", "courier": "fan", "sender": sender, "options": {"client_id": facts["client_id"]},
             "credentials": {"username": facts["username"], "password": facts["password"]}},
            {"code": "vans", "courier": "own_fleet", "sender": sender},
        ]  # fmt: skip
        methods = [("fan", "courier", "fan1", True), ("fan-by-hand", "courier", "fan1", False),
                   ("vans", "own_fleet", "vans", True), ("vans-by-hand", "own_fleet", "vans", False),
                   ("shop", "pickup", None, False)]  # fmt: skip
        for account in accounts:
            assert (await self.api.post("/v1/courier-accounts", json=account)).status_code == 201
        for code, kind, given, by_itself in methods:
            body = {
                "code": code,
                "kind": kind,
                "account": given,
                "names": {"ro": code},
                "book_when_confirmed": by_itself,
            }
            assert (await self.api.post("/v1/delivery-methods", json=body)).status_code == 201
