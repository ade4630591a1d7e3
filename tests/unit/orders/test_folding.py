"""The words by which orders are found: folded the same when they are written and when they are asked for."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.common import Person
from services.orders.desk.folding import LONGEST, fold, parts, person_words, question

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "M", "N")), min_size=2, max_size=30)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("Ștefănescu", "stefanescu"),  # comma below
        ("Ştefănescu", "stefanescu"),  # cedilla
        ("ȘTEFĂNESCU", "stefanescu"),
        ("Țuțea", "tutea"),
        ("Straße", "strasse"),
        ("Øresund Łódź", "oresund lodz"),
        ("Élodie Œuvrard", "elodie oeuvrard"),
        ("ﬁne", "fine"),
        ("Ιωάννης", "ιωαννησ"),
    ],
)
def test_b12_names_are_folded_to_small_letters_without_marks(written: str, folded: str) -> None:
    assert fold(written) == folded
    assert fold(unicodedata.normalize("NFD", written)) == folded


@given(st.text(max_size=60))
def test_b12_folding_is_done_after_once_whatever_form_a_text_comes_in(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80))
def test_b12_whatever_is_asked_is_a_question_with_every_quote_closed(text: str) -> None:
    asked = question(text)
    assert bool(asked) == bool(text.strip())
    assert all(term.asked.replace("\\\\", "").replace("''", "").count("'") % 2 == 0 for term in asked)


@given(NAMES)
def test_b12_a_name_is_found_by_every_beginning_of_each_of_its_words(name: str) -> None:
    words = person_words(Person(name=name))
    for part in parts(name):
        assert part[:LONGEST] in words


def test_b12_a_telephone_is_found_however_it_is_written() -> None:
    for written in ("0712 345 678", "+40 712 345 678", "0040712345678", "712.345.678"):
        words = person_words(Person(phone=written))
        assert "712345678" in words
        for asked in ("0712345678", "+40712345678", "(0712) 345-678"):
            assert "'712345678':*" in question(asked)[0].asked
    assert "'71234':*" in question("071234")[0].asked  # as far as it is typed
    assert [term.asked for term in question("1234")] == ["'1234':*"]  # too short for one: a number of something


def test_b12_an_email_is_found_whole_and_in_parts() -> None:
    words = person_words(Person(email="Ana.Pop@Example.ro"))
    assert {"ana.pop@example.ro", "ana", "pop", "example", "ro"} <= set(words)
    [asked] = question("pop@example")
    assert asked.asked == "('pop@example':* | ('pop':* & 'example':*))"
    # What nearly every order has is left to be looked at row by row, if something is left to look for.
    assert asked.without({"'example':*"}) == "('pop@example':* | ('pop':*))"
    assert asked.without({"'pop':*", "'example':*"}) is None
    assert asked.without({"'pop@example':*"}) is None
