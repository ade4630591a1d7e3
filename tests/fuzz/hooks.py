"""What Schemathesis is told besides the documents: the orders it makes up add up, or none would ever be taken."""

from decimal import Decimal, InvalidOperation
from typing import Any

import schemathesis

PLACING = "/v1/orders"
STREAM = "/v1/orders/stream"
TOTALS = ("goods", "delivery", "charges", "discounts", "total")
NOTHING = Decimal(0)


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Totals that follow from the lines, where the order is otherwise one."""
    operation = context.operation
    return added_up(body) if operation is not None and operation.path == PLACING else body


@schemathesis.hook
def map_query(context: Any, query: Any) -> Any:
    """What streams for ever is asked to end where there is nothing more."""
    operation = context.operation
    return {**(query or {}), "follow": "false"} if operation is not None and operation.path == STREAM else query


def added_up(body: Any) -> Any:
    """The same order with right totals and free delivery; whatever is no order stays as it is."""
    try:
        currency = body["currency"]
        if set(body["totals"]) != set(TOTALS) or any(set(each) != {"amount", "currency"} for each in _amounts(body)):
            return body
        goods = sum((_of_line(line) for line in body["lines"]), NOTHING)
        charges, discounts = (_sum(body.get(name, ())) for name in ("charges", "discounts"))
    except (AttributeError, InvalidOperation, KeyError, TypeError, ValueError):
        return body
    right = (goods, NOTHING, charges, discounts, goods + charges - discounts)
    totals = {
        name: {"amount": f"{amount:.2f}", "currency": currency} for name, amount in zip(TOTALS, right, strict=True)
    }
    return body | {"totals": totals}


def _amounts(body: dict[str, Any]) -> list[dict[str, str]]:
    return list(body["totals"].values())


def _of_line(line: dict[str, Any]) -> Decimal:
    """What a line comes to, rounded to the cent."""
    price = Decimal(line["unit_price"]["amount"]) * Decimal(line["quantity"])
    off = Decimal(line["discount"]["amount"]) if line.get("discount") else NOTHING
    return (price - off).quantize(Decimal("0.01"))


def _sum(entries: Any) -> Decimal:
    return sum((Decimal(entry["amount"]["amount"]) for entry in entries), NOTHING)
