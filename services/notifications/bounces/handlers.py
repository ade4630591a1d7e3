"""What came back, and what is made of it."""

from uuid import UUID

from libs.events.transaction import Transaction
from libs.service.problems import NotFound
from services.notifications import handlers
from services.notifications.bounces import store
from services.notifications.bounces.domain import BounceKind
from services.notifications.store import BOUNCED


async def reported(tx: Transaction, address_hash: str, kind: BounceKind, reason: str) -> store.Row:
    """Somebody says that what was sent there came back: nothing more is, and the last message is said to have failed.

    Said again of the same message, nothing happens: what stands is answered.
    """
    row = await store.note(tx, address_hash, kind, reason, tx.cause.actor)
    last = await store.last_sent(tx, address_hash)
    if last is not None:
        await handlers.failed(
            tx, last["id"], last["order_id"], last["kind"], last["by"], last["version"], f"{BOUNCED}: {kind}"
        )
    return row


async def hash_of_message(tx: Transaction, message: UUID) -> str:
    """The address that a message went to; NotFound where there is no such message."""
    found = await store.by_hash(tx, message)
    if found is None:
        raise NotFound
    return found


async def forget(tx: Transaction, address_hash: str) -> None:
    """Send there again; NotFound where it never bounced."""
    if not await store.forget(tx, address_hash):
        raise NotFound
