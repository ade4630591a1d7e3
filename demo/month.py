"""Places a file of a real shop's invoices as orders of an own web channel, and plays its people until all have ended.

python -m demo.month FILE [--limit-days N] [--from DAY] [--to DAY] [--at-once N] [--rate ORDERS_PER_SECOND]
A second run changes nothing; an interrupted one is taken up by the next.
"""

import argparse
import asyncio
import contextlib
import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from demo.api import Api, NotReachableError, RefusedError
from demo.desk import Desk
from demo.invoices import Invoice, invoices, opening_stock
from demo.odd import summary
from demo.placing import body_of, name_of, payment_of
from demo.progress import Progress
from demo.shop import place, set_up, stock_up

ENDED = ("completed", "cancelled")


@dataclass
class Month:
    """An import: what it reads, where it places it, how far it is."""

    api: Api
    file: Path
    channel: str = "web"
    at_once: int = 12
    rate: float = 0.0
    patience: float = 300.0
    progress: Progress = field(default_factory=Progress)
    placed: int = 0
    new: int = 0

    async def run(self, chosen: list[Invoice], everything: list[Invoice]) -> bool:
        """Place the chosen invoices of a file; whether all orders came to their end."""
        orders = [invoice for invoice in chosen if invoice.kind == "order"]
        self.progress.say(f"{self.file.name}: {len(chosen)} invoices, {len(orders)} of them orders")
        await set_up(self.api, self.channel, everything[0].currency, self.progress.say)
        await stock_up(
            self.api, names_of(everything), opening_stock(everything), opening_of(self.file), self.progress.say
        )
        desk = Desk(self.api, self.channel)
        known = {order["external_id"] for order in await self._all_orders()}
        self.new = sum(order.number not in known for order in orders)
        placing = asyncio.create_task(self._place(orders, desk))
        try:
            ends = await self._until_ended(placing, orders, desk)
        finally:
            placing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await placing
        self.progress.say(summary(chosen, ends, self.new, self.progress.seconds))
        return ends.total() == len(orders)

    async def _all_orders(self) -> list[Any]:
        return await self.api.every("orders", f"/v1/orders?channel={self.channel}")

    async def _place(self, orders: list[Invoice], desk: Desk) -> None:
        """All of them, so many at once, in the order of the file."""
        waiting = iter(orders)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.at_once):
                group.create_task(self._place_some(waiting, desk))

    async def _place_some(self, waiting: Iterator[Invoice], desk: Desk) -> None:
        for invoice in waiting:
            body, key = body_of(invoice, self.channel), f"invoice-{invoice.number}"
            order = await place(self.api, body, key)
            desk.knows(order, by_transfer=payment_of(invoice) == "transfer")
            self.placed += 1
            if self.rate:
                await asyncio.sleep(self.at_once / self.rate)

    async def _until_ended(self, placing: "asyncio.Task[None]", orders: list[Invoice], desk: Desk) -> Counter[str]:
        """Work at the desk until nothing moves any more; the ends. Gives up when nothing has changed for long."""
        before, changed = "", self.progress.seconds
        while True:
            everything_placed = placing.done() and placing.result() is None
            where = await desk.round()
            moving = sum(where.values())
            text = f"placed {self.placed} of {len(orders)}, open {where['open']}, on their way {where['confirmed']}"
            self.progress.shown(self.placed - moving, len(orders), text)
            if text != before:
                before, changed = text, self.progress.seconds
            if everything_placed and not moving:
                found = [order for order in await self._all_orders() if order["id"] in desk.orders]
                ends = Counter(str(order["lifecycle"]) for order in found if order["lifecycle"] in ENDED)
                if ends.total() == len(orders):
                    return ends
            if self.progress.seconds - changed > self.patience:
                return await self._given_up(desk)
            await asyncio.sleep(1)

    async def _given_up(self, desk: Desk) -> Counter[str]:
        found = [order for order in await self._all_orders() if order["id"] in desk.orders]
        for order in [order for order in found if order["lifecycle"] not in ENDED][:20]:
            axes = " ".join(
                f"{axis} {order[axis]}" for axis in ("lifecycle", "stock", "payment", "fulfilment", "holds")
            )
            self.progress.say(f"  still moving: {order['number']} (invoice {order['external_id']}): {axes}")
        return Counter(str(order["lifecycle"]) for order in found if order["lifecycle"] in ENDED)


def names_of(everything: list[Invoice]) -> dict[str, str]:
    """A name for every SKU that is goods: the first that the file has."""
    names: dict[str, str] = {}
    for invoice in everything:
        if invoice.kind == "order":
            for line in invoice.sold:
                if line.kind == "goods" and (line.sku not in names or names[line.sku] == line.sku):
                    names[line.sku] = name_of(line)
    return names


def opening_of(file: Path) -> str:
    """What the opening stock of this very file is called."""
    return f"opening-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def chosen_days(all_invoices: list[Invoice], first: date | None, last: date | None, days: int | None) -> list[Invoice]:
    """The invoices of these days."""
    first = first or min(invoice.date.date() for invoice in all_invoices)
    if days is not None:
        last = first + timedelta(days=days - 1)
    return [each for each in all_invoices if first <= each.date.date() and (last is None or each.date.date() <= last)]


async def _main(options: argparse.Namespace) -> int:
    everything = list(invoices(options.file))
    chosen = chosen_days(everything, options.first, options.last, options.limit_days)
    async with Api() as api:
        await api.reachable()
        month = Month(api, options.file, options.channel, options.at_once, options.rate, options.patience)
        return 0 if await month.run(chosen, everything) else 1


def main() -> int:
    """Run; 1 where an order has not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m demo.month", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--limit-days", type=int, help="only so many days")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, help="the first day, as 2010-12-01")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, help="the last day")
    parser.add_argument("--at-once", type=int, default=12, help="orders placed at the same time")
    parser.add_argument("--rate", type=float, default=0.0, help="orders a second at most; 0: as fast as it goes")
    parser.add_argument("--channel", default="web")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds without any change before giving up")
    options = parser.parse_args()
    try:
        return asyncio.run(_main(options))
    except* (NotReachableError, RefusedError) as problems:
        print(*problems.exceptions, sep="\n", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
