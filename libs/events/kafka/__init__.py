"""The bus on Apache Kafka; the only place that knows its client."""

from libs.events.kafka.bus import KafkaBus

__all__ = ["KafkaBus"]
