"""How long a text is as an SMS: its encoding, its parts, and what it would take to need fewer of them.

GSM 7-bit by 3GPP TS 23.038 (the default alphabet and its extension table, no national shift tables), UCS-2 otherwise.
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet in the order of its codes; the 28th is the escape to the other table, and no character."""
EXTENDED = "\f^{}\\[~]|€"
"""What is written as an escape and a second code."""
_SEPTETS = {char: 1 for char in BASIC if char != "\x1b"} | dict.fromkeys(EXTENDED, 2)
_ASTRAL = 0xFFFF
_PLAIN = str.maketrans(
    {
        "’": "'", "‘": "'", "‚": "'", "‛": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": "<", "›": ">",
        "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "…": "...", "•": "-", "·": ".", "×": "x", "÷": ":",
        "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ð": "d",
        "Ð": "D", "™": "TM", "©": "(c)", "®": "(R)", "№": "No", "º": "o", "ª": "a", "\t": " ", "\u2028": "\n",
        "\u2029": "\n",
    }
)  # fmt: skip
_BLANKS = frozenset("Zs")


class Encoding(StrEnum):
    """How an SMS is written."""

    GSM7 = "gsm-7"
    UCS2 = "ucs-2"


LIMITS = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}
"""Units of a single SMS, and of each part where there are several: septets, or 16-bit units."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a text costs: `units` of its encoding, its parts, units free in the last one, and what forces UCS-2."""

    encoding: Encoding
    units: int
    parts: tuple[str, ...]
    left: int
    costly: tuple[str, ...]


def measured(text: str) -> Measure:
    """The text as it is sent; nothing of a character is ever in two parts. Without text there is no part."""
    costly = tuple(dict.fromkeys(char for char in text if char not in _SEPTETS))
    encoding = Encoding.UCS2 if costly else Encoding.GSM7
    sizes = [_SEPTETS[char] if not costly else 1 + (ord(char) > _ASTRAL) for char in text]
    single, several = LIMITS[encoding]
    units = sum(sizes)
    limit = single if units <= single else several
    parts, used = [""] if text else [], 0
    for char, size in zip(text, sizes, strict=True):
        if used + size > limit:
            parts.append("")
            used = 0
        parts[-1] += char
        used += size
    return Measure(encoding, units, tuple(parts), limit - used, costly)


def plain(text: str) -> str:
    """The text in the GSM alphabet: without marks it does not have (ș is s, ț is t), `?` for what has no likeness."""
    return "".join(_plain(char) for char in unicodedata.normalize("NFC", text))


def _plain(char: str) -> str:
    if char in _SEPTETS:
        return char
    if unicodedata.category(char) in _BLANKS:
        return " "
    if unicodedata.category(char) in {"Mn", "Cf", "Cc", "Cs"}:
        return ""
    for likeness in (char.translate(_PLAIN), unicodedata.normalize("NFKC", char), unicodedata.normalize("NFKD", char)):
        found = "".join(
            each for each in likeness.translate(_PLAIN) if each in _SEPTETS or not unicodedata.combining(each)
        )
        if found and all(each in _SEPTETS for each in found):
            return found
    return "?"
