"""What is left of a fact without whom it is about: still the same fact, with nobody in it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from libs.events.erasing import ERASED, without_person

NAME = "Ștefănescu"
WORDS = st.text(max_size=20).filter(lambda text: NAME not in text)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
PEOPLE = st.fixed_dictionaries({"name": st.just(NAME), "billing": TREES})


@given(TREES, PEOPLE, st.sampled_from(["", "deep", "listed"]))
def test_wherever_the_person_stands_they_are_gone_and_the_rest_is_as_it_was(rest: Any, person: Any, place: str) -> None:
    fact = {"person": person, "rest": rest}
    given_fact: Any = {"": fact, "deep": {"order": fact}, "listed": [fact]}[place]
    left = without_person(json.dumps(given_fact).encode())
    assert NAME not in left.decode()
    told = json.loads(left)
    inner = {"": lambda: told, "deep": lambda: told["order"], "listed": lambda: told[0]}[place]()
    assert inner["person"] is None
    if not _names_people(rest):
        assert inner["rest"] == rest
    assert without_person(left) == left  # twice is as once


def _names_people(value: Any) -> bool:
    if isinstance(value, dict):
        told = {"person", "reason", "what", "failure", "comment", "note"} & value.keys()
        return bool(told) or any(map(_names_people, value.values()))
    return isinstance(value, list) and any(map(_names_people, value))


def test_what_somebody_wrote_goes_and_words_of_a_closed_list_stay() -> None:
    fact = {"reason": "out_of_stock", "failure": f"no {NAME} at this door", "order": {"note": f"{NAME} rang"}}
    left = json.loads(without_person(json.dumps(fact).encode()))
    assert left == {"reason": "out_of_stock", "failure": ERASED, "order": {"note": ERASED}}


def test_of_what_is_no_json_nothing_is_left() -> None:
    assert without_person(f"garbage {NAME}".encode()) == b""
