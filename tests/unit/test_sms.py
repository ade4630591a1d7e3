"""How an SMS is counted: against tables and a count written down independently."""

from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.service.sms import Encoding, measured, plain

GSM = {  # 3GPP TS 23.038, 6.2.1, by code point
    *range(0x20, 0x24), *range(0x25, 0x40), *range(0x41, 0x5B), *range(0x61, 0x7B), 0x40, 0x24, 0x5F, 0x0A, 0x0D,
    0xA3, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0xD8, 0xF8, 0xC5, 0xE5, 0x394, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0,
    0x3A8, 0x3A3, 0x398, 0x39E, 0xC6, 0xE6, 0xDF, 0xC9, 0xA4, 0xA1, 0xC4, 0xD6, 0xD1, 0xDC, 0xA7, 0xBF, 0xE4, 0xF6,
    0xF1, 0xFC, 0xE0,
}  # fmt: skip
TWICE = {0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC}
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
GSM_ONLY = st.text(st.sampled_from([chr(code) for code in sorted(GSM | TWICE)]), max_size=500)


def units_of(text: str) -> tuple[Encoding, int]:
    if all(ord(char) in GSM | TWICE for char in text):
        return Encoding.GSM7, len(text) + sum(ord(char) in TWICE for char in text)
    return Encoding.UCS2, len(text.encode("utf-16-be")) // 2


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "left"),
    [("", "gsm-7", 0, 160), ("a" * 160, "gsm-7", 1, 0), ("a" * 161, "gsm-7", 2, 145), ("€" * 80, "gsm-7", 1, 0),
     ("€" * 81, "gsm-7", 2, 143), ("ș" * 70, "ucs-2", 1, 0), ("ș" * 71, "ucs-2", 2, 63), ("😀" * 35, "ucs-2", 1, 0),
     ("😀" * 36, "ucs-2", 2, 61), ("a" * 152 + "€" + "a" * 20, "gsm-7", 2, 131)],
)  # fmt: skip
def test_part_f121_the_length_at_each_edge(text: str, encoding: str, parts: int, left: int) -> None:
    found = measured(text)
    assert (found.encoding, len(found.parts), found.left) == (encoding, parts, left)


@example("a" * 152 + "€" + "b" * 10)
@example("😀" * 40)
@given(st.one_of(ANY, GSM_ONLY))
def test_part_f121_parts_are_whole_as_few_as_can_be_and_counted_right(text: str) -> None:
    found = measured(text)
    encoding, units = units_of(text)
    assert (found.encoding, found.units) == (encoding, units)
    assert "".join(found.parts) == text
    single, several = (160, 153) if encoding is Encoding.GSM7 else (70, 67)
    sizes = [
        sum(1 + (ord(char) in TWICE) if encoding is Encoding.GSM7 else 1 + (ord(char) > 0xFFFF) for char in part)
        for part in found.parts
    ]
    if units <= single:
        assert len(found.parts) == bool(text)
        assert found.left == single - units
        return
    assert all(0 < size <= several for size in sizes)
    assert found.left == several - sizes[-1]
    starts = list(accumulate(len(part) for part in found.parts))
    for size, start in zip(sizes[:-1], starts, strict=False):  # the next character would not have fitted
        following = text[start]
        cost = 1 + (ord(following) in TWICE) if encoding is Encoding.GSM7 else 1 + (ord(following) > 0xFFFF)
        assert size + cost > several


def test_costly_characters_are_named_once() -> None:
    assert measured("Mulțumim, ț, ș și a").costly == ("ț", "ș")


def test_plain_text_keeps_its_sense() -> None:
    text = "„Mulțumim” – coletul Ștefăniței… 45,50\u00a0€ ’n cutie"
    assert plain(text) == '"Multumim" - coletul Stefanitei... 45,50 € \'n cutie'
    assert plain("àèéìòù è già là") == "àèéìòù è già là"
    assert plain("œuvre français") == "oeuvre francais"  # only the capital Ç is in the alphabet
    assert plain("日本") == "??"


@given(ANY)
def test_part_f121_plain_text_is_always_gsm_and_stays_so(text: str) -> None:
    short = plain(text)
    assert measured(short).encoding is Encoding.GSM7
    assert plain(short) == short
