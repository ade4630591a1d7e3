"""The people of the shop, played by the public interfaces: money seen at the bank, parcels driven to the door."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from demo.api import Api

AT_ONCE = 12
PER_ROUND = 200  # so that whoever asks how far it is, hears it
READY = ("reserved", "none")


@dataclass
class Desk:
    """Works for the orders it knows (`orders`: id -> the channel's own id), each step once however often it is asked.

    `transfers` are the ids of orders that are paid by bank transfer.
    """

    api: Api
    channel: str
    orders: dict[str, str] = field(default_factory=dict)
    transfers: set[str] = field(default_factory=set)
    received: set[str] = field(default_factory=set)
    scanned: set[tuple[str, str]] = field(default_factory=set)

    def knows(self, order: dict[str, Any], *, by_transfer: bool) -> None:
        """An order was placed."""
        self.orders[order["id"]] = order["external_id"]
        if by_transfer:
            self.transfers.add(order["id"])

    async def round(self) -> dict[str, int]:
        """Do what can be done now; how many of the known orders are where."""
        lists = await asyncio.gather(self._in("open"), self._in("confirmed"))
        open_, confirmed = ([order for order in orders if order["id"] in self.orders] for orders in lists)
        paid = [order for order in open_ if self._may_be_marked(order)]
        paid += [order for order in confirmed if self._is_paid_here(order)]
        await self._all([self._money_came(order) for order in paid[-PER_ROUND:]])
        if confirmed:
            await self._drive()
        return {"open": len(open_), "confirmed": len(confirmed)}

    async def _in(self, lifecycle: str) -> list[Any]:
        return await self.api.every("orders", f"/v1/orders?channel={self.channel}&lifecycle={lifecycle}")

    def _may_be_marked(self, order: dict[str, Any]) -> bool:
        """Whether its goods are there, and its transfer is what it waits for."""
        waits = order["stock"] in READY and order["payment"] == "pending" and order["id"] in self.transfers
        return waits and order["id"] not in self.received

    def _is_paid_here(self, order: dict[str, Any]) -> bool:
        """Whether no driver will ever bring its money: nothing of it is delivered."""
        waits = order["stock"] == "none" and order["payment"] == "due_on_delivery"
        return waits and order["id"] not in self.received

    async def _money_came(self, order: dict[str, Any]) -> None:
        found = await self.api.get("payments", f"/v1/payments?order_id={order['id']}")
        for payment in found["items"]:
            seen = {"amount": payment["amount"], "reference": f"bank-{self.orders[order['id']]}-{order['id']}"}
            path = f"/v1/payments/{payment['id']}/received"
            await self.api.call("payments", "POST", path, seen, key=f"received-{order['id']}")
            self.received.add(order["id"])

    async def _drive(self) -> None:
        """Own parcels are picked up, and those that are on their way arrive."""
        for state in ("booked", "dispatched"):
            shipments = await self.api.every("shipping", f"/v1/shipments?state={state}")
            own = [each for each in shipments if each["courier"] == "own_fleet" and each["order_id"] in self.orders]
            await self._all([self._scan(each["id"]) for each in own[-PER_ROUND:]])

    async def _scan(self, shipment: str) -> None:
        for status in ("picked_up", "delivered"):
            if (shipment, status) not in self.scanned:
                path = f"/v1/shipments/{shipment}/events"
                await self.api.call("shipping", "POST", path, {"status": status}, key=f"{status}-{shipment}")
                self.scanned.add((shipment, status))

    async def _all(self, work: list[Any]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(each: Any) -> None:
            async with slots:
                await each

        await asyncio.gather(*(one(each) for each in work))
