"""The file: invoices as they are, and what each of them is (demo/RULE.md)."""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

CARRIAGE = frozenset({"POST", "DOT", "C2"})
FEES = frozenset({"BANK CHARGES", "AMAZONFEE", "CRUK"})
BY_HAND = frozenset({"M", "m", "REST"})
SHORT_EVERY = 10
RARE = 3  # on no more orders than these
MOST_LINES = 1000  # that an order may have
REST = "REST"
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice."""

    sku: str
    name: str | None
    quantity: int
    price: Decimal

    @property
    def amount(self) -> Decimal:
        """What it adds to the invoice."""
        return self.quantity * self.price

    @property
    def taken_off(self) -> bool:
        """Whether it takes something off."""
        return self.quantity < 0 or self.price < 0

    @property
    def kind(self) -> str:
        """carriage, fee, off, service or goods."""
        if self.taken_off:
            return "off"
        if self.sku in CARRIAGE | FEES:
            return "service" if not self.price else "carriage" if self.sku in CARRIAGE else "fee"
        return "service" if self.sku in BY_HAND or self.sku.startswith("gift_") else "goods"

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Line":
        """From its JSON; a price is rounded to the cent."""
        price = Decimal(row["unit_price"]).quantize(CENT, ROUND_HALF_UP)
        return cls(row["sku"].strip(), row["name"], int(row["quantity"]), price)


@dataclass(frozen=True)
class Invoice:
    """A row of the file."""

    number: str
    date: datetime
    customer: str | None
    country: str
    currency: str
    lines: tuple[Line, ...]

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Invoice":
        """From its JSON."""
        lines = tuple(Line.of(line) for line in row["lines"])
        date = datetime.fromisoformat(row["date"])
        return cls(row["invoice"], date, row["customer"], row["country"], row["currency"], lines)

    @property
    def seed(self) -> int:
        """What everything made up comes from."""
        return crc32(self.number.encode())

    @cached_property
    def kind(self) -> str:
        """order, or why it is none: return, bad_debt, stock_correction, credit."""
        if self.number.startswith("C"):
            return "return"
        if self.number.startswith("A"):
            return "bad_debt"
        if all(line.quantity <= 0 for line in self.lines):
            return "stock_correction"
        return "credit" if self.total < 0 else "order"

    @cached_property
    def sold(self) -> list[Line]:
        """What becomes lines of the order; of too many, the last ones are one."""
        sold = [line for line in self.lines if line.kind in ("goods", "service")]
        if len(sold) <= MOST_LINES:
            return sold
        kept, rest = sold[: MOST_LINES - 1], sold[MOST_LINES - 1 :]
        return [*kept, Line(REST, f"{len(rest)} more lines", 1, sum((line.amount for line in rest), Decimal(0)))]

    @cached_property
    def total(self) -> Decimal:
        """What it adds up to."""
        return sum((line.amount for line in self.lines), Decimal(0))

    @cached_property
    def goods(self) -> Counter[str]:
        """How much of each SKU it wants from stock."""
        wanted: Counter[str] = Counter()
        for line in self.sold:
            if line.kind == "goods":
                wanted[line.sku] += line.quantity
        return wanted


def invoices(path: Path) -> Iterator[Invoice]:
    """Every invoice of a file, in its order; `.gz` or plain."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for text in file:
            if text.strip():
                yield Invoice.of(json.loads(text))


def opening_stock(all_invoices: list[Invoice]) -> dict[tuple[str, str], int]:
    """(SKU, depot) -> pieces, for every SKU that the file's orders want."""
    orders = [invoice for invoice in all_invoices if invoice.kind == "order"]
    wanted: Counter[str] = Counter()
    found_on: dict[str, int] = defaultdict(int)
    for order in orders:
        wanted.update(order.goods)
        for sku in order.goods:
            found_on[sku] += 1
    chosen = [order for order in orders if order.goods and order.seed % SHORT_EVERY == 0]
    rarest = {min(order.goods, key=lambda sku: (found_on[sku], sku)) for order in chosen}
    short = {sku for sku in rarest if found_on[sku] <= RARE}
    stock = {}
    for sku, pieces in wanted.items():
        there = 0 if sku in short else pieces
        main = there // 2 if crc32(sku.encode()) % 2 == 0 else there
        stock[sku, "main"], stock[sku, "second"] = main, there - main
    return stock
