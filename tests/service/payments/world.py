"""A payments service beside a PayPal stand-in, and orders as the orders service would tell of them."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx

from libs.contracts.common import Money, Quantity
from libs.contracts.orders import (
    CancelReason,
    FulfilmentAxis,
    GiveBack,
    HoldKind,
    Lifecycle,
    LineSnapshot,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderCreated,
    OrderDelivered,
    OrderExpiring,
    OrderHeld,
    OrderReleased,
    OrderReopened,
    OrderReserved,
    OrderReturned,
    OrderShipped,
    OrderSnapshot,
    PaymentAxis,
    PaymentKind,
    StockAxis,
)
from libs.events.bus import Record
from libs.events.contract import Event
from libs.events.testing import record_of
from libs.events.transaction import Cause, UnitOfWork, new_id
from libs.service.testing import ServiceClient, until
from services.payments.consumers import consumer
from tests.standins.paypal.app import PayPalStandIn


@dataclass
class Order:
    """An order in the making: each fact carries the snapshot of its moment, one version on."""

    kind: str = PaymentKind.PAYPAL
    amount: str = "120.50"
    currency: str = "EUR"
    id: UUID = field(default_factory=new_id)
    version: int = 0
    now: dict[str, Any] = field(default_factory=dict)

    @property
    def number(self) -> str:
        return f"RO-2026-{str(self.id.int)[-6:]}"

    def snapshot(self, **changes: Any) -> OrderSnapshot:
        self.version += 1
        self.now |= changes
        total = self.now.get("total", Money.parse(self.amount, self.currency))
        zero = Money.zero(self.currency)
        line = LineSnapshot(
            id=UUID(int=1), sku="mug", name="Cană", unit="piece", unit_price=total, total=total, ordered=Quantity(1000)
        )
        base: dict[str, Any] = {
            "id": self.id, "number": self.number, "version": self.version, "channel": "web", "language": "ro",
            "placed_at": datetime(2026, 11, 22, 10, tzinfo=UTC), "lifecycle": Lifecycle.OPEN,
            "stock": StockAxis.PENDING, "payment": PaymentAxis.PENDING, "fulfilment": FulfilmentAxis.NONE,
            "currency": self.currency, "goods": total, "delivery": zero, "charges": zero, "discounts": zero,
            "total": total, "due_on_delivery": total if self.kind == PaymentKind.CASH_ON_DELIVERY else zero,
            "payment_method": self.kind, "payment_kind": self.kind, "lines": (line,),
        }  # fmt: skip
        return OrderSnapshot(**(base | self.now))

    def created(self) -> OrderCreated:
        return OrderCreated(order=self.snapshot())

    def reserved(self) -> OrderReserved:
        return OrderReserved(order=self.snapshot(stock=StockAxis.RESERVED, reserved_once=True))

    def confirmed(self) -> OrderConfirmed:
        return OrderConfirmed(order=self.snapshot(lifecycle=Lifecycle.CONFIRMED))

    def shipped(self) -> OrderShipped:
        return OrderShipped(
            order=self.snapshot(fulfilment=FulfilmentAxis.SHIPPED, stock=StockAxis.DEDUCTED),
            shipment_id=UUID(int=2),
            depot="main",
        )

    def delivered(self) -> OrderDelivered:
        return OrderDelivered(order=self.snapshot(fulfilment=FulfilmentAxis.DELIVERED))

    def returned(self) -> OrderReturned:
        return OrderReturned(order=self.snapshot(fulfilment=FulfilmentAxis.RETURNED))

    def held(self) -> OrderHeld:
        return OrderHeld(order=self.snapshot(holds=(HoldKind.MANUAL,)), kind=HoldKind.MANUAL, reason="asked")

    def released(self) -> OrderReleased:
        return OrderReleased(order=self.snapshot(holds=()), kind=HoldKind.MANUAL)

    def changed(self, total: str) -> OrderChanged:
        return OrderChanged(order=self.snapshot(total=Money.parse(total, self.currency)))

    def expiring(self, request: UUID) -> OrderExpiring:
        return OrderExpiring(order=self.snapshot(expiring=request))

    def cancelled(self, give_back: GiveBack = GiveBack.ALL) -> OrderCancelled:
        reason = CancelReason.CUSTOMER if give_back is GiveBack.ALL else CancelReason.EXPIRED
        order = self.snapshot(
            lifecycle=Lifecycle.CANCELLED, cancel_reason=reason, give_back=give_back, expiring=None, reserved_once=False
        )
        return OrderCancelled(order=order, reason=reason, give_back=give_back)

    def reopened(self) -> OrderReopened:
        order = self.snapshot(
            lifecycle=Lifecycle.OPEN, cancel_reason=None, give_back=None, stock=StockAxis.PENDING,
            round=self.now.get("round", 1) + 1,
        )  # fmt: skip
        return OrderReopened(order=order)


@dataclass
class World:
    """What a test works with."""

    api: ServiceClient
    paypal: PayPalStandIn
    url: str = ""

    @property
    def uow(self) -> UnitOfWork:
        return self.api.context.uow

    async def tell(self, *events: Event) -> list[Record]:
        """Let payments hear of these, one after the other."""
        records = [record_of(event) for event in events]
        for record in records:
            await consumer.deliver(self.uow, record)
        return records

    async def payment(self, order: Order) -> dict[str, Any]:
        """The order's payment as the API shows it, with its operations and ledger; {} while there is none."""
        found = (await self.api.get("/v1/payments", params={"order_id": str(order.id)})).json()["items"]
        return (await self.api.get(f"/v1/payments/{found[0]['id']}")).json() if found else {}

    async def stands(self, order: Order, status: str, **members: Any) -> dict[str, Any]:
        """The order's payment once it stands like this."""

        async def there() -> dict[str, Any]:
            found = await self.payment(order)
            fits = found.get("status") == status and all(found.get(name) == is_ for name, is_ in members.items())
            return found if fits else {}

        try:
            shown: dict[str, Any] = await until(there)
        except AssertionError:
            found = await self.payment(order)
            found.pop("ledger", None)
            raise AssertionError(f"not {status} {members} but {json.dumps(found, indent=1)}") from None
        return shown

    async def said(self, order: Order) -> list[tuple[str, dict[str, Any]]]:
        """The facts about that order's payment so far, oldest first, as topics and snapshots."""
        async with self.uow(Cause("system:test")) as tx:
            rows = await tx.sql.fetch(
                """SELECT type, payload, ce_time, seq FROM outbox WHERE key = $1
                   UNION ALL SELECT type, payload, ce_time, seq FROM outbox_sent WHERE key = $1 ORDER BY seq""",
                str(order.id),
            )
        return [(row["type"], json.loads(row["payload"]).get("payment") or json.loads(row["payload"])) for row in rows]

    async def topics(self, order: Order) -> list[str]:
        return [topic for topic, _ in await self.said(order)]

    async def quiet(self) -> None:
        """Once no call is due or unknown, and no delivery waits to be taken in."""

        async def nothing_left() -> bool:
            async with self.uow(Cause("system:test")) as tx:
                return not await tx.sql.fetchval(
                    """SELECT true FROM (
                           SELECT call_state FROM payment_call UNION ALL SELECT call_state FROM webhook_inbox) c
                       WHERE call_state IN ('due', 'claimed', 'unknown') LIMIT 1"""
                )

        await until(nothing_left)

    async def settled_webhooks(self) -> None:
        """Once every event of the stand-in was accepted, and taken in."""
        await until(lambda: not self.paypal.webhooks.waiting())
        await self.quiet()

    async def inbox(self) -> list[dict[str, Any]]:
        async with self.uow(Cause("system:test")) as tx:
            rows = await tx.sql.fetch("SELECT * FROM webhook_inbox ORDER BY received_at")
        return [dict(row) for row in rows]

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.api.post(path, json=body, headers={"Idempotency-Key": str(new_id())} | headers)

    async def at_paypal(self, path: str, body: dict[str, Any]) -> None:
        """As somebody would who clicks in PayPal's own pages."""
        async with httpx.AsyncClient(base_url=self.paypal.url) as http:
            auth = (self.paypal.client_id, self.paypal.client_secret)
            token = (await http.post("/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)).json()
            reply = await http.post(path, json=body, headers={"Authorization": f"Bearer {token['access_token']}"})
            assert reply.is_success, reply.text

    async def opened(self, order: Order) -> dict[str, Any]:
        """An order placed, its approval link there."""
        await self.tell(order.created())
        return await self.stands(order, "awaiting")

    async def approve(self, order: Order) -> str:
        """Let the buyer approve; the provider's order id."""
        payment = await self.payment(order)
        ref = payment["approval_link"].rsplit("token=", 1)[1]
        await self.paypal.approve(ref)
        return str(ref)

    async def paid(self, order: Order) -> dict[str, Any]:
        """An order placed, reserved, approved and paid."""
        await self.opened(order)
        await self.tell(order.reserved())
        await self.approve(order)
        return await self.stands(order, "received")
