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
    """A program that plays somebody else's server in development.

    `arguments` are its own, `env` is what makes a service use it. Both may name `{port}` and `{side_port}` (its ports),
    `{state}` (the folder of the installation) and a service by its name (its address).
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    always: bool = False  # started in development even where stand-ins are not wanted
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
    "paypal": 8171,  # a stand-in's second port is the one that follows
    "fan": 8173,
    "smtp": 8175,
    "sms": 8177,
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
    *_facts("orders", ("notifications",), "order.overdue", "status.changed", "customer.changed"),
    *_facts("orders", (), "order.in_time"),
    *_facts("orders", _OTHERS, "customer.erased"),
    *_facts("orders", _OTHERS, "key.changed", compacted=True),
    *_facts("orders", ("inventory", "notifications"), "channel.changed", compacted=True),
    *_facts(
        "inventory",
        ("orders",),
        *("stock.reserved", "stock.waiting", "stock.rejected", "stock.released", "stock.deducted"),
    ),
    *_facts("inventory", (), "stock.changed", "availability.published"),
    *_facts("inventory", ("orders",), "item.changed", compacted=True),
    *_facts(
        "payments",
        ("orders",),
        *("payment.authorized", "payment.received", "payment.failed", "payment.expired"),
        *("payment.voided", "payment.refunded", "payment.disputed"),
    ),
    *_facts("payments", ("orders", "notifications"), "payment.pending"),
    *_facts("payments", ("orders",), "payment_method.changed", compacted=True),
    *_facts(
        "shipping",
        ("orders",),
        *("shipment.created", "shipment.dispatched", "shipment.tracked", "shipment.delivered", "shipment.failed"),
        *("shipment.lost", "shipment.returned", "shipment.cancelled", "shipment.kept"),
    ),
    *_facts("shipping", ("orders",), "delivery_method.changed", compacted=True),
    *_facts("notifications", ("orders",), "notification.sent", "notification.failed"),
    *_facts(("shipping", "payments", "inventory"), ("orders",), "cost.recorded"),
    *_facts(SERVICE_NAMES, ("orders",), "work.stuck", "work.cleared"),
)

DEVELOPMENT = (  # settings that make a person wait less, and links that lead here
    ("ORDERS_PUBLIC_TRACKING_URL", "{orders}"),
    ("NOTIFICATIONS_PUBLIC_TRACKING_URL", "{orders}"),
    ("SHIPPING_PUBLIC_URL", "{shipping}"),
    ("SHIPPING_POLL_EVERY", "PT2S"),
    ("SHIPPING_POLL_ROUND", "PT1S"),
)
STAND_INS = (
    StandIn(
        name="smtp",
        module="tests.standins.smtp",
        arguments=("--port", "{port}", "--smtp-port", "{side_port}", "--book", "{state}/standins/smtp.jsonl"),
        env=(("NOTIFICATIONS_SMTP_HOST", HOST), ("NOTIFICATIONS_SMTP_PORT", "{side_port}")),
        always=True,
        shows="mails can be read at http://127.0.0.1:{port}/",
    ),
    StandIn(
        name="sms",
        module="tests.standins.sms",
        arguments=("--port", "{port}", "--book", "{state}/standins/sms.jsonl"),
        env=(
            ("NOTIFICATIONS_SMS", "generic"),
            ("NOTIFICATIONS_SMS_URL", "http://127.0.0.1:{port}/send"),
            ("NOTIFICATIONS_SMS_AUTH", "Bearer sms-secret"),
            ("NOTIFICATIONS_SMS_YES", "accepted"),
            ("NOTIFICATIONS_SMS_NO", "rejected"),
            ("NOTIFICATIONS_SMS_SENDER", "Bottega"),
        ),
        shows="an SMS gateway is played at http://127.0.0.1:{port}/messages",
    ),
    StandIn(
        name="paypal",
        module="tests.standins.paypal",
        arguments=(
            *("--port", "{port}", "--tls-port", "{side_port}", "--book", "{state}/standins/paypal.jsonl"),
            *("--certs", "{state}/standins/paypal", "--webhook-url", "{payments}/v1/webhooks/paypal"),
            *("--webhook-id", "WH-COMANDA-1", "--client-id", "comanda", "--client-secret", "comanda-secret"),
            *("--auto-approve-ms", "500"),
        ),
        env=(
            ("PAYMENTS_PAYPAL_BASE_URL", "http://127.0.0.1:{port}"),
            ("PAYMENTS_PAYPAL_CLIENT_ID", "comanda"),
            ("PAYMENTS_PAYPAL_CLIENT_SECRET", "comanda-secret"),
            ("PAYMENTS_PAYPAL_WEBHOOK_ID", "WH-COMANDA-1"),
            ("PAYMENTS_PAYPAL_CERT_HOSTS", '["localhost:{side_port}"]'),
            ("PAYMENTS_PAYPAL_TRUST_STORE", "{state}/standins/paypal/root.pem"),
        ),
        shows="PayPal is played at http://127.0.0.1:{port}/_control/book",
    ),
    StandIn(
        name="fan",
        module="tests.standins.fan",
        arguments=("--port", "{port}", "--book", "{state}/standins/fan.jsonl", "--auto-ms", "500"),
        env=(
            ("SHIPPING_FAN_BASE_URL", "http://127.0.0.1:{port}"),
            ("SHIPPING_POLL_EVERY", "PT2S"),  # parcels move fast there
            ("SHIPPING_POLL_ROUND", "PT1S"),
        ),
        shows="FAN Courier is played at http://127.0.0.1:{port}/_control/book",
    ),
)
