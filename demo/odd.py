"""What was done with every kind of invoice and line, counted."""

from collections import Counter

from demo.invoices import Invoice
from demo.placing import body_of

LONG = 500
NO_ORDER = {
    "return": "returns of earlier sales (number begins with C): no order",
    "bad_debt": "bad debts (number begins with A): no order",
    "stock_correction": "corrections of the shop's own stock (nothing sold): no order",
    "credit": "credits (worth less than nothing): no order",
}


def summary(chosen: list[Invoice], ends: Counter[str], new: int, seconds: float) -> str:
    """A table of what became of them."""
    orders = [invoice for invoice in chosen if invoice.kind == "order"]
    rows = [(len(orders), f"orders placed, {new} of them new; {seconds:.0f} s")]
    rows += [(number, f"  {end}") for end, number in sorted(ends.items())]
    if missing := len(orders) - ends.total():
        rows.append((missing, "  NOT AT THEIR END"))
    kinds = Counter(invoice.kind for invoice in chosen)
    rows += [(kinds[kind], words) for kind, words in NO_ORDER.items() if kinds[kind]]
    rows += [(number, words) for words, number in _odd(orders).items() if number]
    return "\n".join(["", *(f"{number:>8}  {words}" for number, words in rows)])


def _odd(orders: list[Invoice]) -> Counter[str]:
    found: Counter[str] = Counter()
    for order in orders:
        body, skus = body_of(order, ""), Counter(line.sku for line in order.sold)
        found["orders of a guest"] += order.customer is None
        found["orders with nothing to pay"] += order.total == 0
        found["orders with the same SKU in several lines: kept as several lines"] += max(skus.values(), default=0) > 1
        found[f"orders of more than {LONG} lines"] += len(order.sold) > LONG
        found["orders left without a line: one service line POSTAGE"] += not order.sold
        found["charges out of carriage and fee lines"] += len(body["charges"])
        found["discounts out of lines that take something off"] += len(body["discounts"])
        found["service lines (typed by hand, vouchers): no stock, no parcel"] += sum(
            line.kind == "service" for line in order.sold
        )
        found["samples: goods like any other"] += sum(line.sku == "S" for line in order.sold)
        found["free lines"] += sum(line.kind == "goods" and not line.price for line in order.sold)
        found["lines without a name: named by their SKU"] += sum(not (line.name or "").strip() for line in order.sold)
    return found
