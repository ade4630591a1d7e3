"""Texts with variables: what they may name, and what stands there when they are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.service.texts import VARIABLES, fill, named, unknown
from services.orders.statuses.library import processes

PIECES = st.one_of(
    st.text(alphabet=st.characters(blacklist_characters="{}"), max_size=8),
    st.sampled_from([f"{{{name}}}" for name in VARIABLES]),
    st.sampled_from(["{{", "}}"]),
)


@given(st.lists(PIECES, max_size=8), st.dictionaries(st.sampled_from(sorted(VARIABLES)), st.text(max_size=8)))
def test_a_text_of_variables_is_filled_piece_by_piece_and_what_is_filled_in_is_not_read_again(
    pieces: list[str], values: dict[str, str]
) -> None:
    doubled = {"{{": "{", "}}": "}"}
    expected = "".join(
        values.get(piece[1:-1], "") if piece[1:-1] in VARIABLES and piece.startswith("{") else doubled.get(piece, piece)
        for piece in pieces
    )
    text = "".join(pieces)
    assert unknown(text) == []
    assert fill(text, values) == expected


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Dear {customer_nam}, {total}", ["{customer_nam}"]),
        ("{}", ["{}"]),
        ("{order_number", ["{"]),
        ("order_number} {x} {x}", ["}", "{x}"]),
        ("{ total }", ["{ total }"]),
        ("{{order_number}}", []),
    ],
)
def test_what_is_no_variable_is_named(text: str, wrong: list[str]) -> None:
    assert unknown(text) == wrong


def test_a_name_that_looks_like_a_variable_stays_a_name() -> None:
    assert fill("Dear {customer_name}", {"customer_name": "{total}", "total": "9"}) == "Dear {total}"


def test_the_variables_of_a_text_are_known() -> None:
    assert named("{awb} {{total}} {shop}{awb}") == {"awb", "shop"}


@pytest.mark.parametrize("code", sorted(processes()))
def test_every_text_of_the_library_names_only_variables_and_speaks_four_languages(code: str) -> None:
    for status in processes()[code].statuses:
        assert set(status["texts"]) == {"en", "fr", "it", "ro"}, status["mnemonic"]
        texts = list(status["texts"].values())
        assert len({tuple(sorted(text)) for text in texts}) == 1, "all languages say as much"
        for part in ("message", "sms"):
            assert len({frozenset(named(text.get(part, ""))) for text in texts}) == 1
            assert [unknown(text.get(part, "")) for text in texts] == [[]] * 4
