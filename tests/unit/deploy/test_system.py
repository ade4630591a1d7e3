"""system.py as data: complete, free of contradictions, and in step with the contracts and the settings."""

import importlib
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.environment import BROKERS, Environment, free_ports, ports_from_environment
from deploy.ports import PORTS_GIVEN
from deploy.state import State
from deploy.system import DATABASES, PORTS, PROCESSES, ROLES, SERVICE_NAMES, STAND_INS, TOPICS, Process
from libs.contracts import every_contract
from libs.service.settings import variables


def environment(tmp_path: Path, bus: str = "embedded") -> Environment:
    return Environment(State(tmp_path), dict(PORTS), "postgresql://postgres@127.0.0.1:8154/postgres", bus, STAND_INS)


def test_every_contract_has_its_topic_and_every_topic_its_contract() -> None:
    contracts = {contract.topic: contract.compacted for contract in every_contract()}
    assert {topic.name: topic.compacted for topic in TOPICS} == contracts


def test_topics_are_named_once_and_spoken_and_read_by_services() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    for topic in TOPICS:
        assert topic.producers
        assert set(topic.producers) | set(topic.readers) <= set(SERVICE_NAMES), topic.name
        assert topic.compacted == (topic.retention is None), topic.name


def test_each_service_reads_what_system_says() -> None:
    """The readers become grants of the broker: one missing would stop a service in production."""
    for process in PROCESSES:
        consumer = importlib.import_module(f"{process.module}.consumers").consumer
        told = {topic.name for topic in TOPICS if process.name in topic.readers}
        assert set(consumer.topics) == told, process.name


def test_databases_and_roles_are_one_for_each_service_and_one_for_the_bus() -> None:
    assert len({database.name for database in DATABASES}) == len(DATABASES) == len(PROCESSES) + 1
    assert len(set(ROLES)) == len(ROLES)
    shared = [database for database in DATABASES if database.users]
    assert [database.name for database in shared] == ["comanda_events"]


def test_no_two_ports_meet_and_each_stand_in_has_two() -> None:
    taken = sorted([*PORTS.values(), *(PORTS[stand_in.name] + 1 for stand_in in STAND_INS)])
    assert all(one != other for one, other in pairwise(taken))
    ports = free_ports()
    found = sorted([*ports.values(), *range(ports["kafka"] + 1, ports["kafka"] + 2 * BROKERS)])
    assert len(set(found)) == len(found) == len(PORTS) + len(STAND_INS) + 2 * BROKERS - 1
    given = int(PORTS_GIVEN.read_text(encoding="ascii").split()[0]) if PORTS_GIVEN.exists() else found[-1] + 1
    assert found[-1] < given, "no connection takes one before it is listened on"


def test_a_port_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "9154")
    assert ports_from_environment() == PORTS | {"postgres": 9154}


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_every_variable_that_a_service_is_told_is_known_to_it(process: Process, tmp_path: Path) -> None:
    settings = importlib.import_module(f"{process.module}.settings").Settings
    assert settings.model_config["env_prefix"] == process.prefix
    known = {name for field in settings.model_fields for name in variables(process.prefix, field)}
    told = environment(tmp_path).of_service(process)
    assert {name for name in told if name.startswith(process.prefix)} <= known


def test_a_service_is_told_its_own_database_role_and_the_stand_ins_addresses(tmp_path: Path) -> None:
    told = environment(tmp_path).of_service(next(process for process in PROCESSES if process.name == "payments"))
    assert told["PAYMENTS_DATABASE_URL"].startswith("postgresql://payments:")
    assert told["PAYMENTS_DATABASE_URL"].endswith("@127.0.0.1:8154/comanda_payments")
    assert told["PAYMENTS_PAYPAL_BASE_URL"] == f"http://127.0.0.1:{PORTS['paypal']}"
    assert str(tmp_path) in told["PAYMENTS_PAYPAL_TRUST_STORE"]
    assert told["PAYMENTS_EVENTS_BUS"].endswith("/comanda_events")


def test_on_kafka_nobody_is_told_of_the_embedded_bus(tmp_path: Path) -> None:
    told = environment(tmp_path, "kafka://127.0.0.1:9092").of_service(PROCESSES[0])
    assert told["EVENTS_BUS"] == "kafka://127.0.0.1:9092"
    assert not [name for name, value in told.items() if "comanda_events" in value]


def test_no_placeholder_is_left_in_what_a_stand_in_is_told(tmp_path: Path) -> None:
    told = environment(tmp_path)
    for stand_in in STAND_INS:
        assert "{" not in " ".join([*told.arguments(stand_in), told.shown(stand_in)])


def test_the_callers_own_variables_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENTS_PAYPAL_BASE_URL", "https://api-m.sandbox.paypal.com")
    told = environment(tmp_path).of_service(next(process for process in PROCESSES if process.name == "payments"))
    assert told["PAYMENTS_PAYPAL_BASE_URL"] == "https://api-m.sandbox.paypal.com"


def test_production_is_never_given_development_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "AUTH_DEVELOPMENT_KEYS" in environment(tmp_path).of_service(PROCESSES[0])
    monkeypatch.setenv("COMANDA_MODE", "production")
    assert "AUTH_DEVELOPMENT_KEYS" not in environment(tmp_path).of_service(PROCESSES[0])
