"""The local Kafka cluster that tests and `make run BUS=kafka` stand on."""

import pytest

from deploy.kafka import Kafka

pytestmark = pytest.mark.kafka


def test_a_broker_takes_clients_and_says_its_bus(kafka: Kafka) -> None:
    assert kafka.alive
    assert kafka.bus == f"kafka://127.0.0.1:{kafka.ports[0].clients}"
