"""Orders whose reservations run out while the bus is away: those whose money came before that are not expired."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from demo.api import Api, RefusedError
from demo.desk import Desk
from demo.people import PEOPLE
from demo.proof import Proof
from demo.shop import place, set_up, stock_up

CHANNEL, CURRENCY, SKU, METHOD = "deadline", "GBP", "CHAOS-MUG", "transfer_soon"
ORDERS = 10
WITHIN = 180.0
PRICE = {"amount": "5.00", "currency": CURRENCY}
NOTHING = {"amount": "0.00", "currency": CURRENCY}


@dataclass
class Deadline:
    """Orders paid by transfer, reserved for one minute; the first half of them is paid."""

    api: Api
    seed: int
    say: Callable[[str], None]
    orders: list[dict[str, Any]] = field(default_factory=list)

    async def place(self) -> None:
        """All of them, until their goods are reserved and their money is waited for."""
        await set_up(self.api, CHANNEL, CURRENCY, self.say)
        method = {"code": METHOD, "kind": "transfer", "names": {"en": "Transfer, soon"}, "reserve_for_minutes": 1}
        try:
            await self.api.call("payments", "POST", "/v1/payment-methods", method)
        except RefusedError as there:
            self.say(str(there))
        await stock_up(self.api, {SKU: "A mug"}, {(SKU, "main"): 10 * ORDERS}, f"chaos-{self.seed}", self.say)
        for number in range(ORDERS):
            name = f"deadline-{self.seed}-{number}"
            self.orders.append(await place(self.api, self._body(name), name))
        await self._until(lambda order: order["stock"] == "reserved")
        end = asyncio.get_running_loop().time() + WITHIN
        while not all([await self._payments(order) for order in self.paid]):  # orders says pending from the beginning
            if asyncio.get_running_loop().time() > end:
                raise TimeoutError("payments has not heard of every order that is to be paid")
            await asyncio.sleep(1)

    async def pay_half(self) -> None:
        """The bank shows the money of the first half; nobody but payments knows."""
        for order in self.paid:
            for payment in await self._payments(order):
                seen = {"amount": payment["amount"], "reference": f"bank-{order['external_id']}"}
                path = f"/v1/payments/{payment['id']}/received"
                await self.api.call("payments", "POST", path, seen, key=f"received-{order['id']}")

    async def _payments(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        found = await self.api.get("payments", f"/v1/payments?order_id={order['id']}")
        return list(found["items"])

    @property
    def paid(self) -> list[dict[str, Any]]:
        """Those whose money came in time."""
        return self.orders[: ORDERS // 2]

    async def proof(self) -> Proof:
        """Once all have ended: the paid ones completed, the others expired."""
        proof = Proof("nobody who paid is expired, though the bus was away when the reservation ran out")
        desk = Desk(self.api, CHANNEL)
        for order in self.orders:
            desk.knows(order, by_transfer=False)
        ended = await self._until(lambda order: order["lifecycle"] in ("completed", "cancelled"), desk)
        for number, order in enumerate(ended):
            wanted = ("completed", None) if number < len(self.paid) else ("cancelled", "expired")
            found = (order["lifecycle"], order["cancel_reason"])
            proof.expect(found == wanted, f"{order['number']} is {found}, expected {wanted}")
        return proof

    async def _until(self, so: Callable[[dict[str, Any]], bool], desk: Desk | None = None) -> list[dict[str, Any]]:
        """All orders, once they are so; as they are when patience ends."""
        end = asyncio.get_running_loop().time() + WITHIN
        while True:
            if desk is not None:
                await desk.round()
            found = [await self.api.get("orders", f"/v1/orders/{order['id']}") for order in self.orders]
            if all(map(so, found)) or asyncio.get_running_loop().time() > end:
                return found
            await asyncio.sleep(1)

    def _body(self, name: str) -> dict[str, Any]:
        somebody = PEOPLE[0]
        return {
            "channel": CHANNEL,
            "external_id": name,
            "currency": CURRENCY,
            "language": "en",
            "customer": {"name": somebody.name, "email": f"{name}@example.com"},
            "billing": somebody.address,
            "shipping": somebody.address | {"phone": somebody.phone},
            "payment_method": METHOD,
            "delivery_method": "van",
            "lines": [{"sku": SKU, "name": "A mug", "quantity": "1", "unit_price": PRICE}],
            "totals": {"goods": PRICE, "delivery": NOTHING, "charges": NOTHING, "discounts": NOTHING, "total": PRICE},
        }
