"""Our own launcher of Apache Kafka."""

import pytest

from deploy.kafka import Kafka
from tests.kafka import kafka_lib, stop_kafka
from tests.scratch import scratch

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def test_a_cluster_whose_identifier_looks_like_an_option_starts() -> None:
    """One identifier in 64 begins with a dash."""
    kafka = Kafka(scratch() / "dashed", lib=kafka_lib())
    kafka.directory.mkdir()
    (kafka.directory / "cluster-id").write_text("-CuN7XbcQPeFSXNbQMMbZg")
    try:
        assert kafka.start().alive
    finally:
        stop_kafka(kafka)
