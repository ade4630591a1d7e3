"""Real Kafka clusters for tests, on free ports, their data in a directory that goes with them."""

import shutil
from pathlib import Path

from deploy.kafka import Kafka
from tests.databases import ROOT
from tests.scratch import scratch


def kafka_lib() -> Path:
    """Where the jars are: shared with `make run`, fetched once."""
    return ROOT / ".local" / "kafka" / "lib"


def start_kafka(brokers: int = 1) -> Kafka:
    """A running cluster; end it with `stop_kafka`."""
    return Kafka(scratch() / "kafka", lib=kafka_lib(), brokers=brokers).start()


def stop_kafka(kafka: Kafka) -> None:
    """End it and remove its data."""
    kafka.kill()
    shutil.rmtree(kafka.directory.parent, ignore_errors=True)
