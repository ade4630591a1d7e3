"""Contracts: old facts are still read, old readers still read new facts, personal data stands under `person`."""

import copy
import json
from collections.abc import Iterator
from enum import StrEnum
from types import new_class
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deploy.asyncapi import parts_of
from deploy.documents import broken_contracts, golden, recorded
from libs.contracts import every_contract
from libs.contracts.common import Address, Company, Money, Person, Quantity
from libs.events.contract import Event, Part, known
from libs.events.documentation import breaks, example_of, form_of

CONTRACTS = {contract.dataschema(): contract for contract in every_contract()}
ALL = pytest.mark.parametrize("name", CONTRACTS)


@ALL
def test_a_recorded_fact_is_still_read_and_nothing_of_it_is_lost(name: str) -> None:
    kept = recorded(CONTRACTS[name])
    assert kept is not None, "make docs"
    for example in kept["examples"]:
        read = CONTRACTS[name].model_validate_json(json.dumps(example))
        assert includes(json.loads(read.model_dump_json()), example)


def includes(whole: Any, part: Any) -> bool:
    """Whether all of `part` stands in `whole`, new members aside."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and includes(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(includes, whole, part))
    return bool(whole == part)


def test_no_contract_breaks_those_who_read_its_recorded_form() -> None:
    assert broken_contracts() == []


@ALL
def test_every_contract_is_recorded_in_its_present_form(name: str) -> None:
    assert recorded(CONTRACTS[name]) == golden(CONTRACTS[name]), "make docs"


class Colour(StrEnum):
    BLUE = "blue"
    RED = "red"


class Handle(Part):
    turns: int
    note: str | None = None


class MugSold(Event):
    """A mug was sold."""

    topic: ClassVar[str] = "mug.sold"
    id: UUID
    colour: known(Colour)  # type: ignore[valid-type]
    price: Money
    handles: tuple[Handle, ...]
    stock: dict[str, Quantity]
    note: str | None = None
    gift: bool = False


def changed(**members: Any) -> type[Event]:
    """The contract with other members; None takes one away."""
    namespace: dict[str, Any] = {"__module__": __name__, "__doc__": "A mug was sold.", "topic": "mug.sold"}
    notes: dict[str, Any] = {"topic": ClassVar[str]}
    for name, field in MugSold.model_fields.items():
        notes[name] = MugSold.__annotations__[name]
        if not field.is_required():
            namespace[name] = field.default
    for name, what in members.items():
        kind, *default = what if isinstance(what, tuple) else (what,)
        notes.pop(name, None)
        namespace.pop(name, None)
        if kind is not None:
            notes[name] = kind
            namespace.update({name: default[0]} if default else {})
    namespace["__annotations__"] = notes
    made: type[Event] = new_class("MugSold", (Event,), exec_body=lambda body: body.update(namespace))
    return made


class Handle2(Part):
    turns: int
    note: str | None = None
    size: int


class Handle3(Part):
    turns: int
    note: str | None = None
    size: int = 1


class Colour2(StrEnum):
    BLUE = "blue"


class Colour3(StrEnum):
    BLUE = "blue"
    RED = "red"
    GREEN = "green"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"note": None}, ["mug.note: is gone"]),
        ({"weight": int}, ["mug.weight: old facts lack it"]),
        ({"gift": bool}, ["mug.gift: old facts lack it"]),
        ({"id": str}, ["mug.id: was string uuid, is string"]),
        ({"gift": (int, 0)}, ["mug.gift: was boolean, is integer"]),
        ({"price": (Money | None, None)}, ["mug.price: was an object, is or null"]),
        ({"note": (str, "")}, ["mug.note: was or null, is string"]),
        ({"handles": tuple[Handle2, ...]}, ["mug.handles[].size: old facts lack it"]),
        ({"stock": dict[str, int]}, None),
        ({"colour": known(Colour2)}, ["mug.colour: red is gone"]),
        ({"colour": str}, ["mug.colour: was an enum, is string"]),
        ({"handles": dict[str, Handle]}, ["mug.handles: was a list, is a map"]),
    ],
)
def test_a_change_that_breaks_a_reader_is_found(members: dict[str, Any], said: list[str] | None) -> None:
    found = breaks(form_of(MugSold), form_of(changed(**members)), "mug")
    assert found == said if said else found


@pytest.mark.parametrize(
    "members",
    [{}, {"weight": (int | None, None)}, {"weight": (int, 0)}, {"handles": tuple[Handle3, ...]},
     {"colour": known(Colour3)}],
)  # fmt: skip
def test_an_addition_breaks_nobody(members: dict[str, Any]) -> None:
    assert breaks(form_of(MugSold), form_of(changed(**members)), "mug") == []
    assert changed(**members).model_validate(example_of(MugSold)).topic == MugSold.topic
    assert MugSold.model_validate(example_of(changed(**members))).topic == MugSold.topic


def places(value: Any, form: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a fact that is an object of named members or an enum: the value that holds it, and how."""
    if isinstance(form, str):
        return
    if "or_null" in form:
        yield from places(value, form["or_null"])
    elif "members" in form:
        yield value, form
        for name, inner in form["members"].items():
            if _is_enum(inner):
                yield (value, name), inner
            else:
                yield from places(value[name], inner)
    elif "items" in form:
        for item in value:
            yield from places(item, form["items"])
    elif "values" in form:
        for item in value.values():
            yield from places(item, form["values"])


def _is_enum(form: Any) -> bool:
    return isinstance(form, dict) and ("one_of" in form or _is_enum(form.get("or_null")))


def _is_open(value: Any) -> bool:
    return isinstance(value, dict) and set(value) != {"amount", "currency"}  # money is closed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CONTRACTS)), st.data())
def test_members_nobody_knows_are_ignored_wherever_they_stand(name: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    plain, newer = example_of(contract), example_of(contract)
    objects = [value for value, form in places(newer, form_of(contract)) if "members" in form and _is_open(value)]
    for value in data.draw(st.lists(st.sampled_from(objects), min_size=1, max_size=3, unique_by=id)):
        value[f"new_{data.draw(st.text(max_size=8))}"] = data.draw(JSON)
    assert contract.model_validate_json(json.dumps(newer)) == contract.model_validate(plain)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(CONTRACTS)), st.text(min_size=1, max_size=20), st.data())
def test_values_of_enums_that_nobody_knows_are_kept_as_text(name: str, value: str, data: st.DataObject) -> None:
    contract = CONTRACTS[name]
    newer = example_of(contract)
    enums = [place for place, form in places(newer, form_of(contract)) if "members" not in form]
    if not enums:
        return
    for holder, member in data.draw(st.lists(st.sampled_from(enums), min_size=1, max_size=3)):
        holder[member] = value
    read = contract.model_validate_json(json.dumps(newer))
    assert includes(json.loads(read.model_dump_json()), newer)


@ALL
def test_a_fact_is_written_as_it_is_read(name: str) -> None:
    contract = CONTRACTS[name]
    fact = contract.model_validate(example_of(contract))
    assert contract.model_validate_json(fact.model_dump_json()) == fact
    assert json.loads(fact.model_dump_json()) == example_of(contract)
    assert isinstance(fact.key, str)
    with pytest.raises(ValidationError):
        fact.__class__.__setattr__(fact, next(iter(contract.model_fields)), None)


PERSONAL = {"email", "phone", "street", "postal_code", "billing", "shipping", "company", "birthday", "fiscal_ids"}
PERSONAL_PARTS = (Person, Address, Company)
SHOPS_OWN = {"alert_email", "merchant_email", "shop_email"}


def members_outside_person(contract: type[Event]) -> Iterator[str]:
    """The names of members that a fact may hold other than under `person`."""
    for part in parts_without_person(contract):
        yield from (member for member in part.model_fields if member != "person")


def parts_without_person(contract: type[Event]) -> list[Any]:
    bare = copy.copy(contract.model_fields)
    bare.pop("person", None)
    stripped = type("Bare", (), {"model_fields": bare})
    return [part for part in parts_of([stripped]) if part is not stripped] + [stripped]


@ALL
def test_personal_data_stands_only_under_person(name: str) -> None:
    contract = CONTRACTS[name]
    assert not set(PERSONAL_PARTS) & set(parts_without_person(contract))
    for member in members_outside_person(contract):
        assert member in SHOPS_OWN or not any(word in member.split("_") or word == member for word in PERSONAL), member
    if "person" in contract.model_fields:
        assert not contract.compacted, "what is kept for ever holds no personal data"


@pytest.mark.parametrize(("member", "kind"), [("customer", Person), ("buyer_email", str), ("sent_to", Address | None)])
def test_the_check_for_personal_data_finds_it(member: str, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTRACTS, "mug.sold.v1", changed(**{member: kind}))
    with pytest.raises(AssertionError):
        test_personal_data_stands_only_under_person("mug.sold.v1")
