"""The local Kafka cluster that tests and `make run BUS=kafka` stand on."""

import pytest

from deploy.child import wait_until
from deploy.kafka import Kafka
from tests.kafka import start_kafka, stop_kafka

pytestmark = pytest.mark.kafka


def test_a_broker_takes_clients_and_says_its_bus(kafka: Kafka) -> None:
    assert kafka.alive
    assert kafka.bus == f"kafka://127.0.0.1:{kafka.ports[0].clients}"


@pytest.mark.slow
def test_one_of_three_brokers_may_be_killed_and_comes_back() -> None:
    cluster = start_kafka(brokers=3)
    try:
        assert cluster.bus.count("127.0.0.1:") == 3
        cluster.kill_broker(0)
        assert [broker.alive for broker in cluster.brokers] == [False, True, True]
        cluster.start_broker(0)
        assert cluster.alive
        cluster.stop()
        assert wait_until(lambda: not any(broker.alive for broker in cluster.brokers), 1)
    finally:
        stop_kafka(cluster)
