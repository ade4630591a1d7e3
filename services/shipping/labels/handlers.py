"""Labels: drawn by us for the own fleet, fetched from the courier once otherwise."""

import asyncio
from collections.abc import Iterable

from libs.contracts.common import Address, Money
from libs.events.erasing import is_erased
from libs.events.transaction import Transaction
from libs.service.problems import Conflict
from services.shipping import store
from services.shipping.accounts import store as accounts
from services.shipping.consignment import consignment
from services.shipping.domain import Fulfilment
from services.shipping.labels import store as labels
from services.shipping.labels.drawing import Label, draw
from services.shipping.labels.zpl import written
from services.shipping.shipment import Shipment

COLLECT = {"ro": "RAMBURS", "it": "CONTRASSEGNO", "fr": "CONTRE-REMBOURSEMENT"}
"""Above the amount to collect, in the language of the country the parcel goes to; COD elsewhere."""


async def stored_label(tx: Transaction, shipment: Shipment, size: str, format_: str) -> bytes | None:
    """The label once it is here; Conflict when the courier will not give it."""
    content = await labels.label(tx, shipment, size, format_)
    if content is None and (why := await labels.label_refused(tx, reference(shipment, size, format_))):
        raise Conflict(f"the courier gives no such label: {why}")
    return content


async def ask_for_label(
    tx: Transaction, fulfilment: Fulfilment, shipment: Shipment, size: str, format_: str
) -> bytes | None:
    """The label if it is here or can be drawn; otherwise it is asked of the courier, which takes a while."""
    assert shipment.awb is not None  # noqa: S101 - the caller checked
    content = await labels.label(tx, shipment, size, format_)
    if content is not None:
        return content
    if await is_erased(tx, fulfilment.order_id):
        raise Conflict("its customer was erased: there are no labels any more")
    if shipment.courier != "own_fleet":
        await store.ask_courier(
            tx, "label", fulfilment.order_id, shipment, reference(shipment, size, format_), label=(size, format_)
        )
        return None
    own = await _own(tx, fulfilment, shipment)
    content = written(own) if format_ == "zpl" else await asyncio.to_thread(draw, own, size)
    await labels.keep_label(tx, shipment.id, shipment.awb, size, format_, content)
    return content


def reference(shipment: Shipment, size: str, format_: str) -> str:
    """The name of a label's call."""
    return f"label:{shipment.awb}:{size}:{format_}:{shipment.id}"


async def _own(tx: Transaction, fulfilment: Fulfilment, shipment: Shipment) -> Label:
    known = await store.order_of(tx, fulfilment.order_id)
    account = await accounts.by_code(tx, shipment.account or "")
    told = consignment(known.order, known.person, shipment, shipment.awb or "") if known else None
    if known is None or told is None:
        raise Conflict("nothing is known of the customer any more")
    sender = account["sender"] if account else {}
    return Label(
        awb=shipment.awb or "",
        order_number=known.order.number,
        sender=_lines(sender.get("name"), sender.get("street"), sender.get("city"), sender.get("phone")),
        recipient=_lines(
            told.name, told.contact if told.contact != told.name else None, *_address(told.address), told.phone
        ),
        parcels=shipment.parcels,
        weight_g=shipment.weight_g,
        cash=_cash(told.cash, told.address.country),
        note=told.note,
    )


def _address(address: Address) -> Iterable[str | None]:
    city = " ".join(part for part in (address.postal_code, address.city) if part)
    return address.street, ", ".join(part for part in (city, address.region) if part), address.country


def _lines(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _cash(cash: Money | None, country: str) -> str | None:
    return f"{COLLECT.get(country.lower(), 'COD')} {cash.amount} {cash.currency}" if cash else None
