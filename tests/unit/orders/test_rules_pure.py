"""Rules in hand: what conditions may say, when they hold, and that the library's are all fine."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.orders import HoldKind, OrderCreated, OrderHeld
from services.orders.statuses.library import processes
from services.orders.statuses.rules import OF_ORDER, TOPICS, Condition, Op, fields_of, holds, values_of, wrong
from tests.unit.orders.given import NOW, opened

VALUES: dict[str, Any] = {"channel": "web", "total": Decimal("110.00"), "hold": ["fraud", "manual"], "country": None}


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("channel", "eq", "web", True),
        ("channel", "ne", "web", False),
        ("channel", "in", ["till", "web"], True),
        ("channel", "exists", True, True),
        ("country", "exists", True, False),
        ("country", "exists", False, True),
        ("country", "eq", "RO", False),
        ("country", "ne", "RO", True),
        ("country", "in", ["RO"], False),
        ("hold", "eq", "fraud", True),
        ("hold", "ne", "fraud", False),
        ("hold", "ne", "loss", True),
        ("hold", "in", ["loss", "manual"], True),
        ("total", "eq", "110", True),
        ("total", "gt", "110.00", False),
        ("total", "gt", "109.99", True),
        ("total", "lt", "1000", True),
        ("total", "lt", "9", False),
    ],
)
def test_a_condition_holds_as_it_reads(field: str, op: str, value: Any, expected: bool) -> None:
    assert holds([Condition(field, Op(op), value)], VALUES) is expected


def test_every_condition_has_to_hold() -> None:
    one, other = Condition("channel", Op.EQ, "web"), Condition("channel", Op.EQ, "till")
    assert holds([], VALUES)
    assert holds([one, one], VALUES)
    assert not holds([one, other], VALUES)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_amounts_are_compared_as_amounts(one: int, other: int) -> None:
    value = f"{other // 100}.{other % 100:02d}"
    found = {"total": Decimal(one).scaleb(-2)}
    assert holds([Condition("total", Op.GT, value)], found) is (one > other)
    assert holds([Condition("total", Op.LT, value)], found) is (one < other)
    assert holds([Condition("total", Op.EQ, value)], found) is (one == other)


def test_what_a_rule_looks_at_is_what_it_may_name() -> None:
    order = opened()
    created = OrderCreated(order=order.snapshot(), person=order.person)
    found = values_of(order, created)
    assert set(found) == set(OF_ORDER)
    assert (found["total"], found["country"], found["sku"]) == (Decimal("110.00"), "RO", ["mug", "plate"])
    order.hold(HoldKind.FRAUD, "x", "odd", now=NOW, by="user:a")
    held = order.said[-1]
    assert isinstance(held, OrderHeld)
    assert set(values_of(order, held)) == set(fields_of("order.held"))
    assert (values_of(order, held)["hold_kind"], values_of(order, held)["hold"]) == ("fraud", ["fraud"])


def test_every_topic_knows_what_its_conditions_may_name() -> None:
    assert all(set(OF_ORDER) <= set(fields_of(topic)) for topic in TOPICS)


def test_f112_part_every_rule_of_the_library_could_be_saved() -> None:
    for process in processes().values():
        known = {each["mnemonic"] for each in process.statuses}
        for rule in process.rules:
            assert rule["topic"] in TOPICS
            assert rule["status"] in known
            for each in rule["conditions"]:
                assert wrong(rule["topic"], Condition(each["field"], Op(each["op"]), each["value"])) is None
