"""What is generated from contracts and services is what it must be, and hangs together."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy import asyncapi, documents, events_page
from deploy.system import PROCESSES, TOPICS
from libs.contracts import every_contract
from libs.events.envelope import Envelope


def test_the_documents_of_the_contracts_are_not_stale() -> None:
    stale = [str(path) for path, text in documents.contracts().items() if documents._read(path) != text]
    assert stale == [], "make docs"


def test_the_documents_of_the_apis_are_not_stale() -> None:
    stale = [str(path) for path, text in documents.apis().items() if documents._read(path) != text]
    assert stale == [], "make docs"


def test_a_stale_document_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_page, "HEAD", "Other words.\n")
    stale = [str(path) for path, text in documents.contracts().items() if documents._read(path) != text]
    assert stale == ["docs/events.md"]


def references(value: Any) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def resolved(document: Any, reference: str) -> Any:
    assert reference.startswith("#/")
    for step in reference[2:].split("/"):
        document = document[step.replace("~1", "/").replace("~0", "~")]
    return document


@pytest.mark.parametrize("name", ["asyncapi", *(process.name for process in PROCESSES)])
def test_every_reference_of_a_document_leads_somewhere(name: str) -> None:
    text = documents._read(Path(f"docs/api/{name}.json"))
    document = json.loads(text or "")
    found = set(references(document))
    assert found
    for reference in found:
        assert isinstance(resolved(document, reference), dict), reference  # an empty one allows everything


def test_the_asyncapi_document_names_every_topic_who_says_it_and_who_reads_it() -> None:
    document = asyncapi.document()
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {contract.topic for contract in every_contract()}
    for topic in TOPICS:
        operations = [
            each for each in document["operations"].values() if each["channel"]["$ref"].endswith(f"/{topic.name}")
        ]
        told = {(each["action"], each["tags"][0]["name"]) for each in operations}
        assert told == {("send", name) for name in topic.producers} | {("receive", name) for name in topic.readers}
        (message,) = document["channels"][topic.name]["messages"].values()
        payload = resolved(document, resolved(document, message["$ref"])["payload"]["$ref"])
        assert payload["type"] == "object"
    assert all(re.fullmatch(r"[\w.-]+", name) for group in document["components"].values() for name in group)


def test_the_headers_that_are_documented_are_those_of_a_fact() -> None:
    envelope = Envelope(
        id=uuid4(), type="mug.sold", source="/comanda/test", subject=f"mug/{uuid4()}", time=datetime.now(UTC),
        dataschema="mug.sold.v1", sequence=1, actor="system:test", correlation_id=uuid4(), causation_id=uuid4(),
        depth=0, traceparent="00-0-0-00",
    )  # fmt: skip
    assert sorted(name for name, _ in envelope.headers()) == sorted(asyncapi.HEADERS)


def test_every_fact_and_part_has_its_place_on_the_page_and_every_link_a_target() -> None:
    page = events_page.page()
    heads = {line[4:].replace(".", "").lower() for line in page.splitlines() if line.startswith("### ")}
    assert {contract.topic.replace(".", "") for contract in every_contract()} <= heads
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= heads
    assert "Personal data" in page
    assert "None" not in page


def test_no_document_names_a_machine_of_ours() -> None:
    for path, text in documents.contracts().items():
        assert "/work/" not in text, path
        assert "127.0.0.1:1/" not in text, path


def test_what_may_be_done_with_an_order_is_linked_and_every_link_leads_to_an_operation() -> None:
    document = json.loads(documents._read(Path("docs/api/orders.json")) or "")
    operations = {each["operationId"]: each for path in document["paths"].values() for each in path.values()}
    linked = [
        link
        for operation in operations.values()
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert {link["operationId"] for link in linked} >= {"order", "timeline", "cancel"}
    for link in linked:
        known = {each["name"] for each in operations[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= known
