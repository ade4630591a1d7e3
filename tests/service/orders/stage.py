"""What the service tests of orders share: a shop that is open, and ways to look at it."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from libs.contracts.common import Money
from libs.contracts.orders import DeliveryKind, PaymentKind
from libs.events.contract import Event
from libs.events.testing import record_of
from libs.events.transaction import Cause, UnitOfWork
from libs.service.testing import ServiceClient
from services.orders.consumers import consumer
from tests.unit.orders.said import delivery_method, payment_method, submitted

SELLER = {"code": "ro", "name": "Magazin SRL", "vat_id": "RO18547290", "series": "RO"}
TIME_ZONE = "Europe/Bucharest"
WEB = {
    "code": "web",
    "name": "Web shop",
    "kind": "web",
    "seller": "ro",
    "languages": ["ro", "en"],
    "currency": "RON",
    "time_zone": TIME_ZONE,
    "depots": ["main"],
    "merchant_email": "shop@example.ro",
}
MARKETPLACE = {**WEB, "code": "emag", "name": "A marketplace", "kind": "marketplace"}


async def hear(api: ServiceClient, *facts: Event) -> None:
    """Deliver facts of other services, one after the other."""
    for fact in facts:
        await consumer.deliver(api.context.uow, record_of(fact))


async def open_shop(api: ServiceClient) -> None:
    """A seller with a web shop and a marketplace, and methods: courier, pick-up; PayPal, cash on delivery, transfer."""
    for path, body in (("sellers", SELLER), ("channels", WEB), ("channels", MARKETPLACE)):
        answer = await api.post(f"/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text
    await hear(
        api,
        delivery_method(),
        delivery_method("pickup", kind=DeliveryKind.PICKUP, price=None),
        delivery_method("locker", kind=DeliveryKind.LOCKER, countries=("RO",)),
        payment_method(),
        payment_method(
            "cod", PaymentKind.CASH_ON_DELIVERY, fee=Money.parse("5.00", "RON"), delivery_kinds=("courier", "locker")
        ),
        payment_method("transfer", PaymentKind.TRANSFER, companies_only=True),
    )


def number_of(order: dict[str, Any], nth: int, series: str = "RO") -> str:
    """The number of the nth order of a series: it holds the year in which the order was placed, as its shop has it."""
    year = datetime.fromisoformat(order["placed_at"]).astimezone(ZoneInfo(TIME_ZONE)).year
    return f"{series}-{year}-{nth:06d}"


async def placed(api: ServiceClient, **changes: Any) -> dict[str, Any]:
    """An order that was taken: its whole self."""
    answer = await api.post("/v1/orders", json=submitted(**changes))
    assert answer.status_code == 201, answer.text
    return await whole(api, answer.json()["id"])


async def whole(api: ServiceClient, order_id: str) -> dict[str, Any]:
    """An order as it can be read now."""
    answer = await api.get(f"/v1/orders/{order_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def topics(api: ServiceClient, order: dict[str, Any]) -> list[str]:
    """The topics in an order's timeline; its numbers have no gap."""
    answer = await api.get(f"/v1/orders/{order['id']}/timeline", params={"limit": 200})
    events = answer.json()["items"]
    assert [event["number"] for event in events] == list(range(1, len(events) + 1))
    return [event["topic"] for event in events]


async def outbox(uow: UnitOfWork, topic: str) -> list[str]:
    """The facts of a topic that wait or were sent, as JSON, in their order."""
    async with uow(Cause("system:test")) as tx:
        rows = await tx.sql.fetch(
            "SELECT payload FROM outbox WHERE type = $1 UNION ALL SELECT payload FROM outbox_sent WHERE type = $1",
            topic,
        )
    return [row["payload"] for row in rows]
