"""A fact is taken by single handlers or by one for many, never by both."""

from collections.abc import Sequence
from typing import Any

import pytest

from libs.events.consumer import Consumer, Heard
from libs.events.transaction import Transaction
from libs.events.work import WorkCleared, WorkStuck


async def one(tx: Transaction, event: WorkStuck | WorkCleared) -> None:
    """Takes one."""


async def many(tx: Transaction, facts: Sequence[Heard[Any]]) -> None:
    """Takes many."""


def test_what_is_taken_at_once_is_not_taken_singly_too() -> None:
    consumer = Consumer("test")
    consumer.on_all(WorkStuck)(many)
    consumer.on(WorkCleared)(one)
    with pytest.raises(ValueError, match=r"all of work\.stuck at once"):
        consumer.on(WorkStuck)(one)
    with pytest.raises(ValueError, match=r"takes work\.cleared already"):
        consumer.on_all(WorkCleared)(many)
    assert consumer.topics == ("work.cleared", "work.stuck")
