"""What profit hears: costs of orders, and what items cost."""

from libs.contracts.common import CostRecorded
from libs.contracts.inventory import ItemChanged
from libs.events.consumer import Consumer
from services.orders.profit import handlers


def register(consumer: Consumer) -> None:
    """Listen to everything that is said about costs."""
    consumer.on_all(CostRecorded)(handlers.learn_costs)
    consumer.on(ItemChanged)(handlers.learn_item)
