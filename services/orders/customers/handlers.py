"""Linking an order to whoever placed it."""

from uuid import UUID

from libs.events.transaction import Transaction, new_id
from services.orders.customers import store
from services.orders.customers.domain import Identity, chosen


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
