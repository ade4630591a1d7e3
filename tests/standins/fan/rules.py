"""What FAN Courier refuses, field by field, and what it asks for a parcel."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

Errors = dict[str, list[str]]

LENGTHS = {
    "info.observation": 255, "info.content": 255, "info.costCenter": 40,
    "recipient.name": 50, "recipient.contactPerson": 50, "recipient.phone": 16, "recipient.secondaryPhone": 16,
    "recipient.email": 100, "recipient.address.street": 255, "recipient.address.streetNo": 10,
    "recipient.address.zipCode": 6,
}  # fmt: skip
REQUIRED = ("info.service", "info.payment", "info.weight", "recipient.name", "recipient.phone",
            "recipient.address.county", "recipient.address.locality")  # fmt: skip
COLLECTING = {"Standard": "Cont Colector", "FANbox": "FANbox Cont Colector", "RedCode": "Red code-Cont Colector"}
SERVICES = frozenset({*COLLECTING, *COLLECTING.values(), "CollectPoint", "CollectPoint Cont Colector", "Produse Albe"})
OPTIONS = frozenset("ABXSDCFEVWOPMY")
HIGHEST_COD = Decimal(10000)
VAT = Decimal("0.21")


def errors_of(shipment: Any) -> Errors:
    """The reasons not to book this shipment, by field; empty when it is fine."""
    if not isinstance(shipment, dict):
        return {"shipment": ["The shipment must be an object."]}
    found: Errors = {}
    for name in REQUIRED:
        if at(shipment, name) in (None, "", 0):
            found.setdefault(name, []).append(f"The {name} field is required.")
    for name, longest in LENGTHS.items():
        if len(str(at(shipment, name) or "")) > longest:
            found.setdefault(name, []).append(f"The {name} may not be greater than {longest} characters.")
    for name, wrong in _numbers(shipment).items():
        found.setdefault(name, []).append(wrong)
    for name, wrong in _choices(shipment).items():
        found.setdefault(name, []).append(wrong)
    return found


def _choices(shipment: dict[str, Any]) -> dict[str, str]:
    wrong = {}
    service, payment = at(shipment, "info.service"), at(shipment, "info.payment")
    if service and service not in SERVICES:
        wrong["info.service"] = "The selected service is invalid."
    if payment and payment not in ("sender", "recipient", "Other"):
        wrong["info.payment"] = "The selected payment is invalid."
    if not set(at(shipment, "info.options") or []) <= OPTIONS:
        wrong["info.options"] = "The selected options are invalid."
    if "FANbox" in str(service) and not at(shipment, "recipient.address.pickupLocationId"):
        wrong["recipient.address.pickupLocationId"] = "The pickup location is required."
    return wrong


def _numbers(shipment: dict[str, Any]) -> dict[str, str]:
    wrong = {}
    for name, most in (
        ("info.cod", HIGHEST_COD),
        ("info.declaredValue", Decimal(100000)),
        ("info.weight", Decimal(1000)),
    ):
        given = number(at(shipment, name))
        if given is None or given < 0:
            wrong[name] = f"The {name} must be a number."
        elif given > most:
            wrong[name] = f"The {name} may not be greater than {most}."
    packages = at(shipment, "info.packages") or {}
    pieces = [number(packages.get(kind)) for kind in ("parcel", "envelope")] if isinstance(packages, dict) else [None]
    if None in pieces or sum(piece or 0 for piece in pieces) < 1:
        wrong["info.packages"] = "At least one parcel or envelope is required."
    return wrong


def at(thing: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        thing = thing.get(name) if isinstance(thing, dict) else None
    return thing


def number(given: Any) -> Decimal | None:
    """A JSON number or numeric string; nothing counts as 0."""
    if given in (None, ""):
        return Decimal(0)
    try:
        return Decimal(str(given))
    except InvalidOperation:
        return None


def tariff(weight: Decimal, cod: Decimal) -> dict[str, float]:
    """The price of one parcel inside the country, by our own simple list."""
    costs = {
        "extraKmCost": Decimal(0),
        "weightCost": Decimal("17.50") + max(weight - 1, Decimal(0)) * Decimal("1.50"),
        "insuranceCost": Decimal(0),
        "optionsCost": Decimal(0),
        "fuelCost": Decimal("1.75"),
        "codCost": (cod * Decimal("0.01")).quantize(Decimal("0.01")),
    }
    without = sum(costs.values(), Decimal(0))
    vat = (without * VAT).quantize(Decimal("0.01"))
    return {
        name: float(value)
        for name, value in (costs | {"costNoVAT": without, "vat": vat, "total": without + vat}).items()
    }


def local_now() -> datetime:
    """FAN's clock: Bucharest, and its texts say no zone."""
    return datetime.now(ZoneInfo("Europe/Bucharest"))


def stamp(moment: datetime) -> str:
    """A moment as FAN writes it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")
