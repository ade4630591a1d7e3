"""The whole system as data: every process, database, role, topic, partition count and port. Nothing is done here."""

from dataclasses import dataclass
from datetime import timedelta

HOST = "127.0.0.1"
PARTITIONS = 8  # fixed when a topic is made
RETENTION = timedelta(days=7)
EXTENSIONS = ("btree_gin", "pg_trgm", "unaccent")  # what the server must be able to give


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the one role that owns it; `users` may connect and use it too."""

    name: str
    role: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """A service as it runs: `python -m MODULE KIND`; `all` is every kind in one process."""

    name: str
    module: str
    database: Database
    port: int
    kinds: tuple[str, ...] = ("api", "worker", "relay")

    @property
    def prefix(self) -> str:
        """What its variables begin with."""
        return f"{self.name.upper()}_"


@dataclass(frozen=True, slots=True)
class StandIn:
    """A program that plays somebody else's server in development; `env` is what makes a service use it.

    Values may name `{port}` (its own), `{side_port}` (its second one), `{book}` (a file it may keep) and `{SERVICE}`
    (the address of a service).
    """

    name: str
    module: str
    port: int
    arguments: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    side_port: int = 0
    always: bool = False  # started in development even with STANDINS=0
    shows: str = ""  # told to the person at start


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of fact: who says it, who listens, how long it is kept.

    Compacted topics hold reference facts without personal data, the newest of each key for ever.
    """

    name: str
    producers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = PARTITIONS
    retention: timedelta | None = RETENTION
    compacted: bool = False


SERVICE_NAMES = ("orders", "inventory", "payments", "shipping", "notifications")
EVENTS = Database("comanda_events", "events", users=SERVICE_NAMES)  # the embedded bus; unused with Kafka
PORTS = {
    "orders": 8101,
    "inventory": 8102,
    "payments": 8103,
    "shipping": 8104,
    "notifications": 8105,
    "postgres": 8154,
    "kafka": 8192,  # further brokers and the controllers: the ports that follow
    "paypal": 8171,
    "fan": 8173,
    "smtp": 8175,
    "mails": 8176,
}
PROCESSES = tuple(
    Process(name, f"services.{name}", Database(f"comanda_{name}", name), PORTS[name]) for name in SERVICE_NAMES
)
DATABASES = (*(process.database for process in PROCESSES), EVENTS)
ROLES = tuple(database.role for database in DATABASES)

_OTHERS = ("inventory", "payments", "shipping", "notifications")


def _facts(
    producer: str | tuple[str, ...], readers: tuple[str, ...], *names: str, compacted: bool = False
) -> list[Topic]:
    producers = (producer,) if isinstance(producer, str) else producer
    retention = None if compacted else RETENTION
    return [Topic(name, producers, readers, retention=retention, compacted=compacted) for name in names]


TOPICS: tuple[Topic, ...] = (
    # Any order fact may be the first that a reader sees of an order, so those who act on orders read all of them.
    *_facts(
        "orders",
        _OTHERS,
        *("order.created", "order.reserved", "order.confirmed", "order.ready", "order.changed", "order.expiring"),
        *("order.cancel_requested", "order.cancel_refused", "order.cancelled", "order.reopened"),
        *("order.held", "order.released", "order.paid", "order.shipped", "order.delivered", "order.returned"),
        "order.completed",
    ),
    *_facts("orders", ("notifications",), "status.changed"),
    *_facts("orders", _OTHERS, "customer.changed", "customer.merged", "customer.erased"),
    *_facts("orders", _OTHERS, "channel.changed", "key.changed", compacted=True),
    *_facts(
        "inventory",
        ("orders",),
        *("stock.reserved", "stock.waiting", "stock.rejected", "stock.released", "stock.deducted"),
    ),
    *_facts("inventory", (), "stock.changed", "availability.published"),
    *_facts("inventory", ("orders",), "item.changed", compacted=True),
    *_facts(
        "payments",
        ("orders", "notifications"),
        *("payment.pending", "payment.authorized", "payment.received", "payment.failed", "payment.expired"),
        *("payment.voided", "payment.refunded", "payment.disputed"),
    ),
    *_facts("payments", ("orders",), "payment_method.changed", compacted=True),
    *_facts(
        "shipping",
        ("orders", "notifications"),
        *("shipment.created", "shipment.dispatched", "shipment.tracked", "shipment.delivered", "shipment.failed"),
        *("shipment.lost", "shipment.returned", "shipment.cancelled", "shipment.kept"),
    ),
    *_facts("shipping", ("orders",), "delivery_method.changed", compacted=True),
    *_facts("notifications", ("orders",), "notification.sent", "notification.failed"),
    *_facts(("shipping", "payments", "inventory"), ("orders",), "cost.recorded"),
    *_facts(SERVICE_NAMES, ("orders", "notifications"), "work.stuck", "work.cleared"),
)

STAND_INS: tuple[StandIn, ...] = ()
