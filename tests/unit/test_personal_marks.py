"""Of every column that can hold words it is decided whether they can be somebody's: marked, or listed as impersonal.

A new column of text, JSON or bytes fails here until it carries `personal(...)` (libs/service/personal.py) or stands in
impersonal.txt; whoever writes it there says that no customer can be told from it.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Enum, LargeBinary, MetaData, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel

from deploy.system import SERVICE_NAMES
from libs.service.migrations import KERNEL_TABLES
from libs.service.personal import marked
from libs.service.schema import TABLES

LIST = Path(__file__).with_name("impersonal.txt")
WORDS = (String, JSON, LargeBinary, TSVECTOR)
DONE_BY_HAND = {
    # facts and letters: libs/events/erasing.py; answers: libs/service/idempotency.py
    *("outbox", "outbox_sent", "outbox_sent_default", "dead_letter", "idempotency_key"),
    # of nobody: places in the feed, ids of facts, pauses, the bus, tombstones, keys of programs
    *("feed", "feed_head", "inbox", "partition_state", "bus_in_use", "erased_order", "known_key"),
}


def metadata_of(service: str) -> MetaData:
    """Every table of a service."""
    room = importlib.import_module(f"services.{service}.{'schema' if service == 'orders' else 'tables'}")
    found = getattr(room, "metadata", None) or room.Table.metadata
    assert isinstance(found, MetaData)
    assert SQLModel.metadata is not found
    return found


def holds_words(kind: Any) -> bool:
    """Whether a column of this type can hold what somebody wrote."""
    if isinstance(kind, TypeDecorator):  # SQLModel's own text
        return holds_words(kind.impl_instance)
    if isinstance(kind, ARRAY):
        return holds_words(kind.item_type)
    return isinstance(kind, WORDS) and not isinstance(kind, Enum | Uuid)


def columns(service: str) -> Iterator[tuple[str, bool]]:
    """`table.column` of all that can hold words, and whether it is marked."""
    for table in metadata_of(service).sorted_tables:
        for column in table.columns:
            if holds_words(column.type):
                yield f"{table.name}.{column.name}", "personal" in column.info


def listed() -> dict[str, set[str]]:
    """What impersonal.txt says of each service."""
    found: dict[str, set[str]] = {}
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            place, names = line.split(": ")
            service, table = place.split(".")
            found.setdefault(service, set()).update(f"{table}.{name}" for name in names.split())
    return found


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_of_every_column_it_is_decided_whether_it_can_hold_personal_data(service: str) -> None:
    undecided = {name for name, is_marked in columns(service) if not is_marked} - listed()[service]
    assert undecided == set(), "mark them, or write them into impersonal.txt"
    gone = listed()[service] - {name for name, is_marked in columns(service) if not is_marked}
    assert gone == set(), "they are marked, or no longer there"


def test_the_kernels_and_the_kits_own_tables_are_decided_as_well() -> None:
    assert {*KERNEL_TABLES, *TABLES} == DONE_BY_HAND


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_what_is_marked_says_whose_it_is(service: str) -> None:
    for each in marked(metadata_of(service)):
        assert "$1" in each.rows or "$2" in each.rows
