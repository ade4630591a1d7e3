"""FAN's booking form: what goes into which field, and what it would refuse."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.shipping.couriers.port import Consignment

HIGHEST_CASH = 10_000_00
LONGEST = {"recipient.name": 50, "recipient.contactPerson": 50, "recipient.phone": 16, "recipient.email": 100,
           "recipient.address.street": 255, "recipient.address.zipCode": 6}  # fmt: skip
KILO = Decimal(1000)


def wrong(asked: Consignment) -> str | None:
    """The first thing that FAN would refuse, by its field."""
    given = {
        "recipient.name": asked.name,
        "recipient.phone": asked.phone,
        "recipient.address.county": asked.address.region,
        "recipient.address.locality": asked.address.city,
        "recipient.address.street": asked.address.street,
    }
    for field, value in given.items():
        if not value or not value.strip():
            return f"{field}: is missing"
    given |= {"recipient.email": asked.email, "recipient.address.zipCode": asked.address.postal_code}
    for field, longest in LONGEST.items():
        if len(given.get(field) or "") > longest:
            return f"{field}: longer than {longest} characters"
    if asked.address.country != "RO":
        return "recipient.address.country: FAN delivers inside Romania"
    if asked.cash is not None and asked.cash.currency != "RON":
        return "info.cod: cash is collected in RON"
    if asked.cash is not None and asked.cash.minor > HIGHEST_CASH:
        return "info.cod: at most 10000.00 RON"
    return None


def shipment(asked: Consignment, options: Mapping[str, Any], collecting: Mapping[str, str]) -> dict[str, Any]:
    """One entry of `shipments`. The reference stands in costCenter, and in content, where a person sees it."""
    service = str(options.get("service") or ("FANbox" if asked.pickup_point else "Standard"))
    if asked.cash is not None and options.get("collecting", True):
        service = collecting.get(service, service)
    address: dict[str, Any] = {
        "county": asked.address.region,
        "locality": asked.address.city,
        "street": asked.address.street,
        "zipCode": asked.address.postal_code,
    }
    if asked.pickup_point:
        address["pickupLocationId"] = asked.pickup_point
    return {
        "info": {
            "service": service,
            "packages": {"parcel": asked.parcels, "envelope": 0},
            "weight": float(max((asked.weight_g / KILO).quantize(Decimal("0.1")), Decimal("0.1"))),
            "cod": float(Decimal(asked.cash.minor) / 100) if asked.cash else None,
            "payment": str(options.get("payment") or "sender"),
            "observation": (asked.note or "")[:255],
            "content": f"{asked.order_number} {asked.reference}"[:255],
            "costCenter": asked.reference,
            "options": list(options.get("letters") or ["X"]),
        },
        "recipient": {
            "name": asked.name,
            "contactPerson": asked.contact or asked.name,
            "phone": asked.phone,
            "email": asked.email or "",
            "address": address,
        },
    }
