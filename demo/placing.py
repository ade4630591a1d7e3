"""From an invoice of the file to the body of `POST /v1/orders`, by demo/RULE.md."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from demo.invoices import Invoice, Line
from demo.people import PEOPLE

PAYMENT = ("paypal", "transfer", "cash_on_delivery")
NAME_MOST = 300


def payment_of(invoice: Invoice) -> str:
    """How it is paid."""
    return PAYMENT[invoice.seed % 3]


def delivery_of(invoice: Invoice) -> str:
    """How it is sent."""
    in_romania = PEOPLE[invoice.seed % 8].country == "RO"
    return "fan" if in_romania and payment_of(invoice) != "cash_on_delivery" else "van"


def body_of(invoice: Invoice, channel: str) -> dict[str, Any]:
    """The order."""
    somebody = PEOPLE[invoice.seed % 8]
    email = f"customer-{invoice.customer}@example.com" if invoice.customer else f"guest-{invoice.number}@example.com"
    customer = {"name": somebody.name, "email": email}
    if invoice.customer:
        customer["id"] = invoice.customer
    lines = [_line(line, invoice.currency) for line in invoice.sold]
    postage, fees, off = (_summed(invoice, kind) for kind in ("carriage", "fee", "off"))
    charges = [_extra("postage", sku, amount, invoice.currency) for sku, amount in postage.items()]
    charges += [_extra("fee", sku, amount, invoice.currency) for sku, amount in fees.items()]
    discounts = [_extra("adjustment", sku, amount, invoice.currency) for sku, amount in off.items()]
    goods = sum((line.amount for line in invoice.sold), Decimal(0))
    added, taken = sum((*postage.values(), *fees.values()), Decimal(0)), sum(off.values(), Decimal(0))
    totals = {"goods": goods, "delivery": Decimal(0), "charges": added, "discounts": taken}
    totals["total"] = goods + added - taken
    return {
        "channel": channel,
        "external_id": invoice.number,
        "currency": invoice.currency,
        "language": somebody.language,
        "customer": customer,
        "billing": somebody.address,
        "shipping": somebody.address | {"phone": somebody.phone},
        "payment_method": payment_of(invoice),
        "delivery_method": delivery_of(invoice),
        "attributes": {"sold_at": invoice.date.isoformat(), "sold_to": invoice.country},
        "lines": lines or [_nothing(invoice.currency)],
        "charges": charges,
        "discounts": discounts,
        "totals": {name: _money(amount, invoice.currency) for name, amount in totals.items()},
    }


def _line(line: Line, currency: str) -> dict[str, Any]:
    body = {"sku": line.sku, "name": name_of(line), "quantity": str(line.quantity)}
    return body | {"unit_price": _money(line.price, currency), "ships": line.kind == "goods"}


def name_of(line: Line) -> str:
    """A name for people, never empty."""
    return ((line.name or "").strip() or line.sku)[:NAME_MOST]


def _nothing(currency: str) -> dict[str, Any]:
    nothing = {"sku": "POSTAGE", "name": "Postage", "quantity": "1", "unit_price": _money(Decimal(0), currency)}
    return nothing | {"ships": False}


def _summed(invoice: Invoice, kind: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        if line.kind == kind and line.amount:
            found[line.sku] += abs(line.amount)
    return dict(found)


def _extra(kind: str, sku: str, amount: Decimal, currency: str) -> dict[str, Any]:
    return {"kind": kind, "code": sku, "amount": _money(amount, currency)}


def _money(amount: Decimal, currency: str) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currency": currency}
