"""Logs are one JSON object a line, whoever wrote them."""

import json
import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest

from libs.service import logs


@pytest.fixture
def formatter() -> Iterator[logging.Formatter]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    logs.configure("sample")
    (handler,) = root.handlers
    assert handler.formatter is not None
    yield handler.formatter
    root.handlers[:] = before
    root.setLevel(level)


def record(name: str, said: dict[str, object]) -> logging.LogRecord:
    return logging.getLogger(name).makeRecord(name, logging.INFO, "f", 1, "request", (), None, extra=said)


def test_a_line_of_the_access_log_says_what_any_other_line_says(formatter: logging.Formatter) -> None:
    said: dict[str, object] = {"method": "GET", "route": '/v1/{"id"}', "status": 200, "ms": 1.5}
    token = logs.correlation.set(uuid4())
    quick, usual = (formatter.format(record(name, said)) for name in (logs.ACCESS, "another"))
    logs.correlation.reset(token)
    assert "\n" not in quick
    found, other = json.loads(quick), json.loads(usual)
    assert found.pop("logger") == "comanda.access"
    assert other.pop("logger") == "another"
    assert found.pop("timestamp").endswith("Z")
    assert other.pop("timestamp").endswith("Z")
    assert found == other
    assert found.items() >= (said | {"service": "sample", "level": "info", "event": "request"}).items()
