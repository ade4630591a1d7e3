"""What placing hears: the methods that other services offer."""

from libs.contracts.payments import PaymentMethodChanged
from libs.contracts.shipping import DeliveryMethodChanged
from libs.events.consumer import Consumer
from services.orders.placing import store


def register(consumer: Consumer) -> None:
    """Keep the newest state of every method."""
    consumer.on(DeliveryMethodChanged)(store.learn_delivery)
    consumer.on(PaymentMethodChanged)(store.learn_payment)
