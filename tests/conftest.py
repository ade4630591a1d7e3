"""Fixtures that every level uses: a real PostgreSQL (`postgres`, `database`) and a real Apache Kafka (`kafka`).

async def test_something(database: Databases) -> None:
    url = await database("orders")              # migrated, this test's own, dropped afterwards
    empty = await database("kernel", prepare)   # prepare(url) runs once, its outcome is copied
"""

import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from deploy.kafka import Kafka, missing
from deploy.postgres import Postgres
from libs.events.connection import SESSION
from tests.databases import Databases, start_server, stop_server
from tests.kafka import kafka_lib, start_kafka, stop_kafka

KAFKA_PROBLEM = pytest.StashKey[str]()
SERVER = pytest.StashKey[Postgres]()
settings.register_profile("here", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")  # an example that takes long says something of the machine, nothing of us
FROZEN = "idle_in_transaction_session_timeout"
SHIPPED = dict(SESSION)
SESSION[FROZEN] = "60s"  # a machine that stands still for seconds is no frozen process; those of their own have ours
IN_CI = bool(os.environ.get("CI"))
FOR_CI = (
    "tests/contract/test_bus_parity_servers",
    "tests/service/races/",
    "tests/service/strangers/",
    "tests/service/erasing/",
    "tests/service/deploy/test_kafka_rights",
    "tests/service/deploy/test_roles",
    "tests/service/events/test_interleavings",
    "tests/service/events/test_worker",
    "tests/service/payments/test_bad_days",
    "tests/service/payments/test_once",
    "tests/service/shipping/test_booking",
    "tests/service/notifications/test_mails",
    "tests/service/notifications/test_sms",
)
"""Many tests of one kind, or that wait for others: slow as a whole, because `make test` is for somebody who waits."""


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """The administrator's URL of a throwaway server, one for the whole run."""
    given = getattr(request.config, "workerinput", {}).get("postgres")
    if given:
        yield given
        return
    server = start_server()
    yield server.url()
    stop_server(server)


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Databases]:
    """Makes databases for one test."""
    databases = Databases(postgres)
    yield databases
    await databases.drop_all()


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A real broker on a free port, one for the whole run; `kafka.bus` is its EVENTS_BUS. Mark its tests `kafka`."""
    broker = start_kafka(brokers=1)
    yield broker
    stop_kafka(broker)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """With xdist the controller starts one server for all its workers."""
    if SERVER not in node.config.stash:
        node.config.stash[SERVER] = start_server()
    node.workerinput["postgres"] = node.config.stash[SERVER].url()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the controller started."""
    if server := config.stash.get(SERVER, None):
        stop_server(server)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note which bus each test runs on, and leave Kafka's out, loudly, where it cannot run."""
    for item in items:
        if item.nodeid.startswith(FOR_CI):
            item.add_marker(pytest.mark.slow)
    wanted = [item for item in items if item.get_closest_marker("kafka")]
    problem = missing(kafka_lib()) if wanted else None
    if problem and not IN_CI:  # in CI they run, and fail by saying what is missing
        config.stash[KAFKA_PROBLEM] = problem
        for item in wanted:
            item.add_marker(pytest.mark.skip(reason="needs Apache Kafka"))
    for item in items:
        pure = "unit" in item.path.parts and not {"postgres", "database"} & set(getattr(item, "fixturenames", ()))
        bus = "kafka" if item in wanted else "none" if pure else "embedded"
        item.user_properties.append(("bus", bus))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A failing example may hold half a character, which no worker could send: say it in ASCII."""
    return _speakable((yield))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how many tests ran on each bus, and what could not run."""
    stats = terminalreporter.stats
    counts = Counter({name: len(stats.get(name, [])) for name in ("passed", "failed", "error", "skipped", "xfailed")})
    counts["errors"] = counts.pop("error")
    for outcome in ("passed", "failed", "xfailed"):
        counts.update(_bus(report) for report in stats.get(outcome, []))
    counts["kafka_skipped"] = sum(_bus(report) == "kafka" for report in stats.get("skipped", []))
    buses = {"without a bus": "none", "on the embedded bus": "embedded", "on Apache Kafka": "kafka"}
    terminalreporter.write_line(", ".join(f"{words}: {counts[bus]}" for words, bus in buses.items()))
    problem = config.stash.get(KAFKA_PROBLEM, None)
    if file := os.environ.get("COMANDA_TEST_COUNTS"):
        Path(file).write_text(json.dumps(counts | ({"problem": problem} if problem else {})))
    if problem:
        terminalreporter.write_sep("!", "the tests on Apache Kafka were LEFT OUT", red=True, bold=True)
        terminalreporter.write_line(problem)


def _speakable(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode()
    if isinstance(told, dict):
        return {name: _speakable(value) for name, value in told.items()}
    return type(told)(map(_speakable, told)) if type(told) in (list, tuple) else told


def _bus(report: Any) -> str:
    return str(dict(getattr(report, "user_properties", ())).get("bus", "none"))
