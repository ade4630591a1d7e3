"""Linking an order to whoever placed it; how a customer wants to be told."""

from typing import Any
from uuid import UUID

from libs.contracts.customers import CustomerChanged
from libs.events.transaction import Transaction, new_id
from libs.service.call import check_version
from libs.service.problems import Conflict, NotFound
from services.orders.customers import store
from services.orders.customers.domain import Identity, chosen
from services.orders.customers.tables import CustomerRow


class Erased(Conflict):
    """The customer was erased: nothing is kept of them."""

    slug = "customer-erased"


async def link(tx: Transaction, identity: Identity) -> UUID | None:
    """The customer who placed an order: a known one, or a new one; None where nothing says who it is.

    Two orders of one person at the same time make one customer.
    """
    if not identity.known_by:
        return None
    await store.alone_with(tx, identity)
    customer_id = chosen(await store.candidates(tx, identity)) or new_id()
    await store.learn(tx, customer_id, identity)
    return customer_id


async def prefer(
    tx: Transaction, customer_id: UUID, changes: dict[str, Any], if_match: int | None = None
) -> dict[str, Any]:
    """Change in which language and by which ways a customer is told; notifications heeds it from then on."""
    row = await store.locked(tx, customer_id)
    if row is None:
        raise NotFound("there is no such customer")
    check_version(row["version"], if_match)
    if row["erased_at"] is not None:
        raise Erased
    new = {name: changes.get(name, row[name]) for name in ("language", "by_mail", "by_sms")}
    if all(new[name] == row[name] for name in new):
        return row
    await store.change(tx, customer_id, new["language"], by_mail=new["by_mail"], by_sms=new["by_sms"])
    row |= new | {"version": row["version"] + 1}
    aggregate = CustomerRow(id=customer_id, version=row["version"], email_verified=row["email_verified"])
    await tx.emit(aggregate, CustomerChanged(id=customer_id, version=row["version"], **new))
    return row
