"""The system that strangers come to: all services and stand-ins, a shop that is open, orders at every stage."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.api import Api
from demo.shop import place, set_up, stock_up
from deploy.environment import free_ports
from deploy.supervisor import System
from deploy.system import SERVICE_NAMES
from libs.service.testing import until

CHANNEL, CURRENCY = "demo", "EUR"
GOODS = {"MUG": ("A mug", 750), "SCARF": ("A scarf", 3490), "TEA": ("Tea", 840)}
WAYS = (("paypal", "fan"), ("paypal", "van"), ("transfer", "van"), ("cash_on_delivery", "fan"), ("transfer", "fan"))
WITHIN = 90.0
SETTLED = {"completed", "cancelled", "confirmed"}

Words = dict[str, dict[str, list[str]]]
"""By service: by the place of a parameter, what may be said there that exists."""


@dataclass(frozen=True)
class House:
    """Where the services answer, the keys of the roles, and words that mean something to each service."""

    system: System
    words: Words = field(default_factory=dict)

    def url(self, service: str) -> str:
        """Where it answers."""
        return self.system.url(service)


@asynccontextmanager
async def house(folder: Path, services: tuple[str, ...] = SERVICE_NAMES) -> AsyncIterator[House]:
    """Everything runs, and is told to wait for nobody for long."""
    env = {"PAYMENTS_OUTCOME_WITHIN": "PT0.5S", "SHIPPING_WAIT_FOR_COURIER": "PT0.5S"}
    for service in SERVICE_NAMES:
        env |= {f"{service.upper()}_{name}": "1000000" for name in ("REQUESTS_PER_SECOND", "REQUESTS_BURST")}
        env |= {f"{service.upper()}_{name}": "1000000" for name in ("PUBLIC_PER_SECOND", "PUBLIC_BURST")}
    async with System(folder, ports=free_ports(), services=services, throwaway=True, env=env, say=_quiet) as system:
        async with Api({name: system.url(name) for name in services}, system.keys) as api:
            words = await _lived_in(api)
        yield House(system, words)


async def _lived_in(api: Api) -> Words:
    """Open a shop, place orders, let them go as far as they go, and note what everything is called."""
    await set_up(api, CHANNEL, CURRENCY, _quiet)
    stock = {(sku, depot): 100_000 for sku in GOODS for depot in ("main", "second")}
    await stock_up(api, {sku: name for sku, (name, _) in GOODS.items()}, stock, "opening", _quiet)
    ids = [
        (await place(api, order_body(f"seed-{number}", *way), f"seed-{number}"))["id"]
        for number, way in enumerate(WAYS)
    ]
    await _while_none(lambda: _confirmed(api, ids[0]))
    await api.call("orders", "POST", f"/v1/orders/{ids[-1]}/cancel", {"reason": "customer"})
    await api.call("orders", "POST", f"/v1/orders/{ids[2]}/hold", {"kind": "manual", "reason": "asked to wait"})
    key = (await api.call("orders", "POST", "/v1/api-keys", {"name": "till", "role": "erp"}))[1]
    return await _called(api, ids, key["id"])


async def _called(api: Api, ids: list[str], key: str) -> Words:
    """What exists, by service and parameter."""
    payments = [each["id"] for each in await api.every("payments", "/v1/payments")]
    shipments = [each["id"] for each in await _while_none(lambda: api.every("shipping", "/v1/shipments"))]
    messages = [each["id"] for each in await _while_none(lambda: api.every("notifications", "/v1/messages"))]
    customers = [each["id"] for each in await api.every("orders", "/v1/customers")]
    orders, skus = {"path.order_id": ids, "query.order_id": ids}, list(GOODS)
    return {
        "orders": orders
        | {"path.code": ["bottega", CHANNEL], "path.key_id": [key], "path.customer_id": customers}
        | {"body.channel": [CHANNEL], "body.seller": ["bottega"], "body.lines[*].sku": skus}
        | {"body.delivery_method": ["van", "fan"], "body.payment_method": ["paypal", "transfer", "cash_on_delivery"]},
        "inventory": orders
        | {"path.code": ["main", "second"], "path.sku": skus, "query.sku": skus, "query.channel": [CHANNEL]}
        | {"body.depot": ["main"], "body.lines[*].sku": skus, "body.items[*].sku": [*skus, "NEW"]}
        | {"body.figures[*].sku": skus, "body.figures[*].depot": ["main", "second"]},
        "payments": orders | {"path.payment_id": payments, "path.code": ["paypal", "transfer"]},
        "shipping": orders
        | {"path.shipment_id": shipments, "path.code": ["van", "fan"], "path.account": ["van", "fan"]}
        | {"body.account": ["van", "fan"]},
        "notifications": orders | {"path.message_id": messages},
    }


def order_body(name: str, payment: str, delivery: str) -> dict[str, Any]:
    """An order of two things that adds up."""
    lines = [
        {"sku": sku, "name": GOODS[sku][0], "quantity": "1", "unit_price": _money(GOODS[sku][1])}
        for sku in ("MUG", "SCARF")
    ]
    total, nothing = _money(sum(GOODS[sku][1] for sku in ("MUG", "SCARF"))), _money(0)
    return {
        "channel": CHANNEL,
        "external_id": name,
        "currency": CURRENCY,
        "language": "en",
        "customer": {"name": "Ana Pop", "email": "ana@example.com"},
        "shipping": {"country": "RO", "city": "Cluj-Napoca", "street": "Strada Părului 3", "postal_code": "400174"}
        | {"region": "Cluj", "phone": "+40722000001", "name": "Ana Pop"},
        "delivery_method": delivery,
        "payment_method": payment,
        "lines": lines,
        "totals": {"goods": total, "delivery": nothing, "charges": nothing, "discounts": nothing, "total": total},
    }


def _money(cents: int) -> dict[str, str]:
    return {"amount": f"{cents / 100:.2f}", "currency": CURRENCY}


async def _confirmed(api: Api, order_id: str) -> bool:
    return bool((await api.get("orders", f"/v1/orders/{order_id}"))["lifecycle"] in SETTLED)


async def _while_none(ask: Callable[[], Awaitable[Any]]) -> Any:
    return await until(ask, WITHIN, every=0.2)


def _quiet(_: str) -> None:
    """Nobody listens."""
