"""What the shop of the demo offers, and a month with everything that December lacks."""

from typing import Any
from uuid import UUID

from libs.contracts.orders import DeliveryKind, PaymentKind
from libs.contracts.payments import PaymentMethodChanged
from libs.contracts.shipping import DeliveryMethodChanged

ANY = UUID(int=1)


def _delivery(code: str, kind: DeliveryKind) -> DeliveryMethodChanged:
    return DeliveryMethodChanged(id=ANY, version=1, code=code, kind=kind, courier=code, names={"en": code}, active=True)


def _payment(code: str) -> PaymentMethodChanged:
    return PaymentMethodChanged(
        id=ANY, version=1, code=code, kind=PaymentKind(code), names={"en": code}, active=True, currencies=("GBP",)
    )


DELIVERY = {"van": _delivery("van", DeliveryKind.OWN_FLEET), "fan": _delivery("fan", DeliveryKind.COURIER)}
PAYMENT = {code: _payment(code) for code in ("paypal", "transfer", "cash_on_delivery")}


def line(sku: str, quantity: int, price: str, name: str | None = "A thing") -> dict[str, Any]:
    return {"sku": sku, "name": name, "quantity": quantity, "unit_price": price}


def _row(number: str, *lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "invoice": number,
        "date": "2011-11-23T10:26:00",
        "customer": None,
        "country": "United Kingdom",
        "currency": "GBP",
        "lines": list(lines),
    }


def odd_rows() -> list[dict[str, Any]]:
    return [
        _row("C600001", line("22423", -2, "12.75")),
        _row("A600002", line("B", 1, "11062.06", "Adjust bad debt")),
        _row("600003", line("22423", -9600, "0", "thrown away")),
        _row("600004", line("22423", 1, "1.00"), line("D", -1, "9.00")),
        _row("600005", *(line(f"L{n}", 1, "0.10") for n in range(1200)), line("22423", 1, "0.10")),
        _row("600006", line("47503J ", 3, "0.005", None), line("M", 1, "0.004"), line("gift_0001_40", 1, "34.04")),
        _row("600007", line("POST", 1, "18.00")),
        _row("600008", line("22423", 2, "12.75"), line("D", -1, "5.00"), line("S", 1, "0"), line("S", 2, "0")),
        *(_row(f"6001{n:02}", line(f"R{n}", 1, "2.50"), line("22423", 1, "12.75")) for n in range(30)),
    ]
