"""What a courier is told about a shipment, from what is known of the order."""

import hashlib
import json
from datetime import datetime

from stdnum.iso7064 import mod_11_10

from libs.contracts.common import Address, Person
from libs.contracts.orders import OrderSnapshot
from services.shipping.couriers.port import Consignment
from services.shipping.shipment import Shipment


def reference(number: int, at: datetime) -> str:
    """Our name for one booking, unique for ever: AW, day, running number, check digit (ISO 7064 mod 11,10)."""
    digits = f"{at:%y%m%d}{number:06d}"
    return f"AW{digits}{mod_11_10.calc_check_digit(digits)}"


def destination(person: Person | None) -> Address | None:
    """Where the goods go."""
    return (person.shipping or person.billing) if person else None


def fingerprint(order: OrderSnapshot, person: Person | None) -> str | None:
    """Changes when a parcel would go elsewhere or to somebody else; None where the address is not known (any more)."""
    address = destination(person)
    if address is None or person is None:
        return None
    point = order.pickup_point.id if order.pickup_point else None
    told = [address.model_dump(), person.name, person.phone, point]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def consignment(order: OrderSnapshot, person: Person | None, shipment: Shipment, reference: str) -> Consignment | None:
    """None where nothing is known of the person any more."""
    address = destination(person)
    if address is None or person is None:
        return None
    company = person.company.name if person.company else None
    name = address.name or company or person.name or ""
    return Consignment(
        reference=reference,
        order_number=order.number,
        name=name,
        contact=person.name,
        phone=address.phone or person.phone or "",
        email=person.email,
        address=address,
        pickup_point=order.pickup_point.id if order.pickup_point else None,
        parcels=shipment.parcels,
        weight_g=shipment.weight_g,
        cash=shipment.cash_on_delivery,
        note=person.delivery_note,
    )
