"""Statuses: the colour of their text, the language a reader gets, what may follow what, what really happens."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.contracts.statuses import StatusActions, StatusTrack, StatusType
from services.orders.statuses.domain import (
    MEANING,
    Definition,
    Mode,
    Text,
    Transitions,
    effective,
    language_of,
    luminance,
    text_colour,
    text_for,
)
from services.orders.statuses.library import processes

COLOURS = st.integers(0, 0xFFFFFF).map(lambda n: f"#{n:06x}")
READABLE = 4.5


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@given(COLOURS)
def test_part_f120_text_on_any_colour_can_be_read(colour: str) -> None:
    assert contrast(colour, text_colour(colour)) >= READABLE
    assert contrast(colour, text_colour(colour)) == max(contrast(colour, "#ffffff"), contrast(colour, "#000000"))


def test_luminance_is_that_of_wcag() -> None:
    assert luminance("#ffffff") == pytest.approx(1)
    assert luminance("#000000") == 0
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the known example that just fails AA


@pytest.mark.parametrize(
    ("available", "wanted", "given"),
    [
        (["ro", "en"], "ro", "ro"),
        (["ro", "en"], "ro-MD", "ro"),
        (["fr-CA", "en"], "fr", "fr-CA"),
        (["fr-CA", "fr", "en"], "fr-BE", "fr"),
        (["ro", "en"], "de", "en"),
        (["ro", "it"], "de", "it"),
        (["pt-BR", "pt-PT", "en"], "PT-br", "pt-BR"),
        ([], "ro", None),
    ],
)
def test_a_reader_gets_the_nearest_language(available: list[str], wanted: str, given: str | None) -> None:
    assert language_of(available, wanted) == given


def a_status(**texts: Text) -> Definition:
    return Definition(
        *(uuid4(), 1, "secret-mnemonic", StatusTrack.ORDER, StatusType.CUSTOM, "#123456", None, StatusActions(), 1),
        archived=False,
        texts=texts,
    )


def test_a_status_without_a_text_tells_nothing_least_of_all_its_mnemonic() -> None:
    assert text_for(a_status(), "ro").name == ""
    assert text_for(a_status(ro=Text("Gata", "Mesaj")), "it").model_dump() == {
        "language": "ro",
        "name": "Gata",
        "message": "Mesaj",
        "sms": None,
    }


IDS = st.sampled_from([uuid4() for _ in range(4)])


@given(st.sets(st.tuples(st.none() | IDS, IDS)), st.none() | IDS, IDS)
def test_none_defined_allows_every_move_defined_only_those(moves: set, before: object, to: object) -> None:  # type: ignore[type-arg]
    transitions = Transitions(frozenset(moves))
    assert transitions.allow(before, to) == (not moves or (before, to) in moves)  # type: ignore[arg-type]
    assert (to in transitions.after(before)) == ((before, to) in moves)  # type: ignore[arg-type]


@given(st.sampled_from(Mode), st.builds(StatusActions, **dict.fromkeys(StatusActions.model_fields, st.booleans())))
def test_what_is_not_published_reaches_nobody(mode: Mode, actions: StatusActions) -> None:
    really = effective(mode, actions)
    assert really.publish or not (really.mail or really.sms)
    assert really.invoice == actions.invoice
    if mode is Mode.BOTH and actions.publish:
        assert really == actions
    if mode in {Mode.OFF, Mode.INTERNAL}:
        assert not really.publish


def test_every_type_says_what_it_means() -> None:
    assert set(MEANING) == set(StatusType)


def test_the_library_is_readable_on_its_colours_and_hangs_together() -> None:
    for process in processes().values():
        known = {status["mnemonic"] for status in process.statuses}
        for status in process.statuses:
            assert contrast(status["colour"], text_colour(status["colour"])) >= READABLE
        assert {rule["status"] for rule in process.rules} <= known
        assert {name for moves in process.transitions.values() for move in moves for name in move if name} <= known
