"""What inventory does about the facts of others: it follows orders, and knows channels and keys."""

from collections.abc import Sequence

from libs.contracts.orders import EVERY_ORDER_FACT, ChannelChanged, OrderFact
from libs.events.consumer import Consumer, Heard
from libs.events.transaction import Transaction
from libs.service import keys, personal
from services.inventory.catalogue import store as catalogue
from services.inventory.erasing import erasing
from services.inventory.reservations import handlers

consumer = Consumer("inventory")
keys.register(consumer)
personal.register(consumer, erasing)


@consumer.on_all(*EVERY_ORDER_FACT)
async def orders_told(tx: Transaction, facts: Sequence[Heard[OrderFact]]) -> None:
    """Any fact of an order may be the first or the only one that arrives: all lead to the same."""
    await handlers.bring(tx, [(fact.event.order, fact.cause) for fact in facts])


@consumer.on(ChannelChanged)
async def channel_changed(tx: Transaction, event: ChannelChanged) -> None:
    """Know which depots a channel asks, and in which order."""
    if await catalogue.learned_channel(tx, event):
        await catalogue.every_sku_is_due(tx)
