"""The proofs of facts are worth what they notice."""

from typing import Any
from uuid import UUID

import pytest

from deploy.system import SERVICE_NAMES, TOPICS
from tests.chaos.facts import taken_once, without_a_gap

READERS = next(topic.readers for topic in TOPICS if topic.name == "order.created")


def fact(number: int) -> dict[str, Any]:
    told = {"id": UUID(int=number), "type": "order.created", "aggregatetype": "order", "aggregateid": UUID(int=100)}
    return told | {"ce_sequence": number}


def said() -> dict[str, list[Any]]:
    return {name: [fact(1), fact(2)] if name == "orders" else [] for name in SERVICE_NAMES}


def taken() -> dict[str, dict[Any, int]]:
    return {name: {UUID(int=1): 1, UUID(int=2): 1} if name in READERS else {} for name in SERVICE_NAMES}


def test_nothing_is_broken_where_nothing_is() -> None:
    assert not taken_once(said(), taken()).broken
    assert not without_a_gap(said()).broken
    assert taken_once(said(), taken()).tried == 2 * len(READERS)


@pytest.mark.parametrize("times", [0, 2])
def test_a_fact_that_a_reader_missed_or_took_twice_is_noticed(times: int) -> None:
    inboxes = taken()
    inboxes["shipping"][UUID(int=2)] = times
    (words,) = taken_once(said(), inboxes).broken
    assert words.startswith("shipping took order.created")


def test_a_fact_that_nobody_said_is_noticed() -> None:
    inboxes = taken()
    inboxes["payments"][UUID(int=9)] = 1
    assert taken_once(said(), inboxes).broken == [f"payments took {UUID(int=9)}, which nobody said"]


@pytest.mark.parametrize("numbers", [(1, 3), (1, 1), (2, 3)])
def test_a_gap_or_a_number_given_twice_is_noticed(numbers: tuple[int, int]) -> None:
    facts = said() | {"orders": [fact(number) for number in numbers]}
    assert len(without_a_gap(facts).broken) == 1
