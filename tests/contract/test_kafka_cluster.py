"""The local Kafka cluster that tests and `make run BUS=kafka` stand on."""

import pytest

from deploy.kafka import Kafka
from tests.kafka import kafka_lib, stop_kafka
from tests.scratch import scratch

pytestmark = pytest.mark.kafka


def test_a_broker_takes_clients_and_says_its_bus(kafka: Kafka) -> None:
    assert kafka.alive
    assert kafka.bus == f"kafka://127.0.0.1:{kafka.ports[0].clients}"


@pytest.mark.timeout(300)
def test_a_cluster_whose_identifier_looks_like_an_option_starts() -> None:
    """One identifier in 64 begins with a dash."""
    kafka = Kafka(scratch() / "dashed", lib=kafka_lib())
    kafka.directory.mkdir()
    (kafka.directory / "cluster-id").write_text("-CuN7XbcQPeFSXNbQMMbZg")
    try:
        assert kafka.start().alive
    finally:
        stop_kafka(kafka)
