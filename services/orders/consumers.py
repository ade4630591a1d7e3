"""Everything that orders hears."""

from libs.events.consumer import Consumer
from services.orders import wiring  # noqa: F401 - says who takes part when an order moves
from services.orders.lifecycle import consumers as lifecycle
from services.orders.placing import consumers as placing
from services.orders.profit import consumers as profit

consumer = Consumer("orders")
profit.register(consumer)  # first: what an order costs is known when the same facts complete it
lifecycle.register(consumer)
placing.register(consumer)
