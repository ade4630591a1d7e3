"""A handful of orders, from the click to the door, on the system that `make run` runs: then all that is known of one.

python -m demo.tour
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

from demo.api import Api, NotReachableError, RefusedError, local
from demo.desk import Desk
from demo.people import PEOPLE, Somebody
from demo.shop import place, set_up, stock_up

CHANNEL, CURRENCY = "demo", "EUR"
GOODS = {
    "MUG-RED": ("Cană roșie", "12.50"),
    "SCARF-WOOL": ("Sciarpa di lana", "34.90"),
    "TEA-250": ("Thé à la bergamote", "8.40"),
    "UNICORN": ("Licorne dorée", "99.00"),  # of which there is never one
}
PATIENCE = 120.0
ENDED = ("completed", "cancelled")
TICKER = {
    "order.created": "order placed",
    "stock.reserved": "goods reserved",
    "stock.rejected": "goods are not there",
    "payment.received": "money is here",
    "order.confirmed": "confirmed",
    "shipment.created": "parcel booked",
    "shipment.dispatched": "parcel picked up",
    "shipment.delivered": "parcel delivered",
    "order.cancelled": "CANCELLED",
    "order.completed": "COMPLETED",
}


@dataclass
class Wish:
    """An order of the tour: who wants what, and how."""

    somebody: Somebody
    payment: str
    delivery: str
    wants: dict[str, int]
    words: str
    order: dict[str, Any] = field(default_factory=dict)
    told: int = 0

    def body(self, name: str) -> dict[str, Any]:
        """As it is placed."""
        email = re.sub(r"[^a-z]+", ".", self.somebody.name.lower().encode("ascii", "ignore").decode()) + "@example.com"
        lines = [
            {"sku": sku, "name": GOODS[sku][0], "quantity": str(pieces), "unit_price": _money(GOODS[sku][1])}
            for sku, pieces in self.wants.items()
        ]
        total = sum(round(float(GOODS[sku][1]) * 100) * pieces for sku, pieces in self.wants.items())
        nothing, all_of_it = _money("0.00"), _money(f"{total / 100:.2f}")
        return {
            "channel": CHANNEL,
            "external_id": name,
            "currency": CURRENCY,
            "language": self.somebody.language,
            "customer": {"name": self.somebody.name, "email": email},
            "billing": self.somebody.address,
            "shipping": self.somebody.address | {"phone": self.somebody.phone},
            "payment_method": self.payment,
            "delivery_method": self.delivery,
            "lines": lines,
            "totals": {"goods": all_of_it, "delivery": nothing, "charges": nothing, "discounts": nothing}
            | {"total": all_of_it},
        }


def _money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": CURRENCY}


def wishes() -> list[Wish]:
    """Each way of paying and of sending once, and one that cannot be served."""
    return [
        Wish(PEOPLE[0], "paypal", "fan", {"MUG-RED": 2, "TEA-250": 1}, "PayPal, by FAN Courier"),
        Wish(PEOPLE[2], "transfer", "van", {"SCARF-WOOL": 1}, "bank transfer, by our van"),
        Wish(PEOPLE[5], "cash_on_delivery", "van", {"MUG-RED": 6}, "cash on delivery, by our van"),
        Wish(PEOPLE[4], "paypal", "van", {"TEA-250": 3, "SCARF-WOOL": 2}, "PayPal, by our van"),
        Wish(PEOPLE[6], "paypal", "van", {"UNICORN": 1}, "a unicorn, which is not in stock"),
    ]


class Tour:
    """Places the orders, tells every step as it happens, then shows one of them whole."""

    def __init__(self, api: Api) -> None:
        """Nothing is placed yet."""
        self.api = api
        self.run = f"{int(time.time()):x}"
        self.began = time.monotonic()
        self.desk = Desk(api, CHANNEL)
        self.wishes = wishes()

    async def __call__(self) -> None:
        """All of it; TimeoutError where an order does not come to its end."""
        await set_up(self.api, CHANNEL, CURRENCY, _say)
        stock = {(sku, "main"): 50 for sku in GOODS if sku != "UNICORN"}
        await stock_up(self.api, {sku: name for sku, (name, _) in GOODS.items()}, stock, f"tour-{self.run}", _say)
        _say("")
        for number, wish in enumerate(self.wishes, start=1):
            name = f"tour-{self.run}-{number}"
            wish.order = await place(self.api, wish.body(name), name)
            self.desk.knows(wish.order, by_transfer=wish.payment == "transfer")
            who, much = wish.somebody.name, wish.order["total"]["amount"]
            _say(f"  {wish.order['number']}  {who:<18} {much:>7} {CURRENCY}  {wish.words}")
        _say("")
        async with asyncio.timeout(PATIENCE):
            while not all([await self._followed(wish) for wish in self.wishes]):
                await self.desk.round()
                await asyncio.sleep(0.3)
        await self._show(self.wishes[0])

    async def _followed(self, wish: Wish) -> bool:
        """Tell what is new of an order; whether it has ended."""
        path = f"/v1/orders/{wish.order['id']}/timeline?after={wish.told}&limit=200"
        for fact in (await self.api.get("orders", path))["items"]:
            wish.told = fact["number"]
            if words := TICKER.get(fact["topic"]):
                _say(f"{time.monotonic() - self.began:6.1f} s  {wish.order['number']}  {words}{_more(fact)}")
        wish.order = await self.api.get("orders", f"/v1/orders/{wish.order['id']}")
        return wish.order["lifecycle"] in ENDED

    async def _show(self, wish: Wish) -> None:
        """The timeline, the mails and the label of one order."""
        order = wish.order
        folder = local() / "demo" / order["number"]
        folder.mkdir(parents=True, exist_ok=True)
        messages = await self._messages(order["id"])
        facts = await self.api.every("orders", f"/v1/orders/{order['id']}/timeline")
        _say(f"\nEverything that happened to {order['number']}, told by every service:\n")
        for fact in facts:
            actor = fact["actor"].removeprefix("system:")
            _say(f"  {fact['number']:>3}  {fact['at'][11:23]}  {fact['topic']:<21} {actor:<24} {_detail(fact)}")
        _say(f"\nIts mails ({order['language']}), all of them also at {_mailbox()}:\n")
        for number, message in enumerate(messages, start=1):
            whole = await self.api.get("notifications", f"/v1/messages/{message['id']}")
            page = folder / f"mail-{number}-{message['kind']}.html"
            page.write_text(whole["html"], encoding="utf-8")
            page.with_suffix(".txt").write_text(whole["text"], encoding="utf-8")
            _say(f"  {_shown(page):<58} {message['subject']}")
        _say("\nIts label:\n")
        for shipment in (await self.api.get("shipping", f"/v1/fulfilments/{order['id']}"))["shipments"]:
            label = folder / f"label-{shipment['awb']}-A6.pdf"
            label.write_bytes(await self.api.get("shipping", f"/v1/shipments/{shipment['id']}/label?size=A6"))
            _say(f"  {_shown(label):<58} AWB {shipment['awb']}")
            _say(f"\nThe customer follows the parcel at {shipment['link']}")
        link = await self.api.get("orders", f"/v1/orders/{order['id']}/tracking-link")
        _say(f"and reads what became of the order at {link['url']}")
        (folder / "timeline.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")
        _say(f"The whole order: {self.api.urls['orders']}/v1/orders/{order['id']}")
        _say(f"\n{len(self.wishes)} orders in {time.monotonic() - self.began:.0f} s.")

    async def _messages(self, order: str) -> list[Any]:
        """The order's mails, oldest first, once all have gone out and the timeline knows of them."""
        found: list[Any] = []
        for _ in range(100):
            found = await self.api.every("notifications", f"/v1/messages?order_id={order}")
            facts = await self.api.every("orders", f"/v1/orders/{order}/timeline")
            told = sum(fact["topic"] == "notification.sent" for fact in facts)
            sent = sum(each["state"] == "succeeded" for each in found)
            if any(each["kind"] == "delivered" for each in found) and told == sent == len(found):
                break
            await asyncio.sleep(0.3)
        return found[::-1]


def _more(fact: dict[str, Any]) -> str:
    detail = fact["detail"]
    if fact["topic"] == "payment.received":
        return f": {detail['received']['amount']} {detail['received']['currency']}"
    if fact["topic"] == "shipment.created":
        return ": AWB " + ", ".join(str(each["awb"]) for each in detail["shipments"])
    return ""


def _detail(fact: dict[str, Any]) -> str:
    detail = fact["detail"]
    changed = (f"{axis} {new}" for axis, (_, new) in detail.get("changed", {}).items())
    told = [*changed, *_texts(detail, ("state", "status", "kind", "provider_ref", "provider"))]
    told += [f"AWB {each['awb']} {each['status']}" for each in detail.get("shipments", ()) if each["awb"]]
    return ", ".join(told)


def _texts(detail: dict[str, Any], names: Iterable[str]) -> list[str]:
    return [str(detail[name]) for name in names if detail.get(name)]


def _mailbox() -> str:
    return environ.get("SMTP_URL") or f"http://127.0.0.1:{environ.get('SMTP_PORT', '8175')}/"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _say(text: str) -> None:
    print(text, flush=True)


async def _main() -> int:
    async with Api() as api:
        await api.reachable()
        try:
            await Tour(api)()
        except TimeoutError:
            _say("\nNot every order came to its end in time: look at the logs in .local/log")
            return 1
    return 0


def main() -> int:
    """Run; 1 with the reason where it cannot."""
    try:
        return asyncio.run(_main())
    except (NotReachableError, RefusedError) as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
