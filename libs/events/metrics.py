"""What Prometheus sees of the kernel."""

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

_TAKEN = Counter("comanda_facts_taken_total", "Facts a consumer took for the first time", ("consumer", "topic"))
_BURIED = Counter("comanda_dead_letters_total", "Facts that became dead letters", ("consumer", "topic"))
_PUBLISHED = Counter("comanda_facts_published_total", "Facts the relay published", ("service",))
_DEPTH = Gauge("comanda_outbox_depth", "Facts that wait in the outbox", ("service",))
_AGE = Gauge("comanda_outbox_age_seconds", "Age of the oldest fact that waits in the outbox", ("service",))
_REFUSED = Gauge("comanda_outbox_refused", "Facts the broker will not take, waiting for a person", ("service",))
_LAG = Gauge("comanda_consumer_lag", "Facts a consumer has still to read", ("consumer", "topic"))
_OPEN = Gauge("comanda_dead_letters_open", "Dead letters that nobody closed", ("service",))
_PAUSED = Gauge("comanda_partitions_paused", "Partitions that stopped after too many dead letters", ("service",))
_BYTES = Gauge("comanda_database_bytes", "Size of the service's database", ("service",))
_HELD = Gauge("comanda_relay_active", "1 where this process holds the relay's lock", ("service",))


def taken(consumer: str, topic: str, facts: int) -> None:
    """Facts were taken."""
    _TAKEN.labels(consumer, topic).inc(facts)


def buried(consumer: str, topic: str) -> None:
    """A fact became a dead letter."""
    _BURIED.labels(consumer, topic).inc()


def published(service: str, facts: int) -> None:
    """The relay published facts."""
    _PUBLISHED.labels(service).inc(facts)


def database(service: str, state: Mapping[str, float]) -> None:
    """How a service's database stands: `depth`, `age`, `refused`, `letters`, `paused`, `bytes`."""
    _DEPTH.labels(service).set(state["depth"])
    _AGE.labels(service).set(state["age"])
    _REFUSED.labels(service).set(state["refused"])
    _OPEN.labels(service).set(state["letters"])
    _PAUSED.labels(service).set(state["paused"])
    _BYTES.labels(service).set(state["bytes"])


def lag(consumer: str, topic: str, facts: int) -> None:
    """How far a consumer is behind on a topic."""
    _LAG.labels(consumer, topic).set(facts)


def relay_active(service: str, *, active: bool) -> None:
    """Whether this process relays."""
    _HELD.labels(service).set(active)
