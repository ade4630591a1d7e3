"""Alerts, board and runbook name only what exists."""

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.manifests.alerts import ALERTS, RUNBOOK
from deploy.system import PROCESSES

CHECKOUT = Path(__file__).parents[3]
PAGE = (CHECKOUT / RUNBOOK).read_text()
BOARD = json.loads((CHECKOUT / "deploy" / "grafana" / "comanda.json").read_text())
PROMETHEUS_OWN = frozenset({"instance", "job", "le"})
BLOCKS = re.findall(r"^```([a-z ]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, block in BLOCKS if not language for line in block.splitlines()]
A_LETTER = "01900000-0000-7000-8000-000000000000"


def exposed() -> dict[str, set[str]]:
    """Every series that the processes serve, and its labels."""
    for process in PROCESSES:
        importlib.import_module(f"{process.module}.__main__")
    found: dict[str, set[str]] = {}
    for collector in set(REGISTRY._collector_to_names):
        names, labels = REGISTRY._collector_to_names[collector], getattr(collector, "_labelnames", ())
        found |= {name: set(labels) for name in names}
    return found


def expressions() -> Iterator[str]:
    yield from (alert.expr for alert in ALERTS)
    for panel in BOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def series(node: Any) -> Iterator[Any]:
    """Every vector selector of an expression, and what groups it."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        if (inner := getattr(node, name, None)) is not None:
            yield from series(inner)
    for argument in getattr(node, "args", ()) or ():
        yield from series(argument)


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_expression_is_promql_over_series_and_labels_that_the_processes_serve(expression: str) -> None:
    known = exposed()
    found = list(series(promql_parser.parse(expression)))
    assert found
    labels: set[str] = set()
    for selector in found:
        assert selector.name in known, f"nobody serves {selector.name}"
        labels |= known[selector.name]
        for matcher in selector.matchers.matchers:
            assert matcher.name in known[selector.name], f"{selector.name} has no label {matcher.name}"
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouping.split(", ")) <= labels | PROMETHEUS_OWN, expression


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_every_alert_has_its_section_in_the_runbook_and_uses_labels_that_it_has(alert: Any) -> None:
    anchors = [
        re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    ]
    assert alert.section in anchors
    section = PAGE.split("\n## ")[1 + anchors.index(alert.section)]
    assert f"Comanda{alert.name}" in section
    grouped = re.search(r"^(?:max|sum)[^(]*by \(([^)]*)\)", alert.expr)
    given = set(grouped[1].split(", ")) if grouped else exposed()[next(series(promql_parser.parse(alert.expr))).name]
    assert set(re.findall(r"\$labels\.(\w+)", alert.says)) <= given


def test_the_runbook_names_no_alert_that_does_not_exist() -> None:
    assert set(re.findall(r"Comanda([A-Z]\w+)", PAGE)) == {alert.name for alert in ALERTS}


def test_the_rules_file_holds_every_alert() -> None:
    written = yaml.safe_load((CHECKOUT / "deploy" / "prometheus" / "alerts.yaml").read_text())
    rules = [rule for group in written["groups"] for rule in group["rules"]]
    assert [rule["alert"] for rule in rules] == [f"Comanda{alert.name}" for alert in ALERTS]
    assert all(re.fullmatch(r"\d+[smhd]", rule["for"]) for rule in rules)


@pytest.mark.parametrize("command", sorted({line for line in COMMANDS if line.startswith("python ")}))
def test_every_command_of_the_runbook_is_one(command: str) -> None:
    words = [A_LETTER if word == "ID" else word for word in shlex.split(command)]
    assert words[:2] == ["python", "-m"]
    if words[2] != "libs.events":
        assert importlib.util.find_spec(words[2])
        return
    done = subprocess.run(
        [sys.executable, *words[1:]], cwd=CHECKOUT, env={}, capture_output=True, text=True, check=False
    )
    assert "usage:" not in done.stderr, done.stderr  # every word was understood
    assert "is not set" in done.stderr


def test_every_other_line_of_the_runbooks_blocks_is_known() -> None:
    assert {line for line in COMMANDS if not line.startswith("python ")} == {"source .local/environment"}


def test_every_link_of_the_runbook_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (CHECKOUT / "docs" / link).exists()] == []
