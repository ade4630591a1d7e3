"""A person who is planted everywhere, and the search for what is left of them in every column of every database."""

import base64
import json
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg

NAME = "Ștefănia Quackenbush"
EMAIL = "stefania.quackenbush@planted.example"
PHONE = "+40722876543"
STREET, CITY = "Zwetschgenallee 77", "Oberhinterwald"
NOTE, GIFT = "Klingel ist kaputt", "Für Wilhelmina"
COMPANY = "Pflanzenhandlung Immergrün"
SHOPS_ID = "planted-c-77"
ENGRAVED = "Wilhelmine und Balthasar"
WORDS = (
    *("Ștefănia", "Quackenbush", "planted.example", "722876543", "722 876 543", "Zwetschgenallee", CITY, NOTE, GIFT),
    *(COMPANY, SHOPS_ID, ENGRAVED),
)
"""Pieces of which none may be left."""


def forms(word: str) -> Iterator[str]:
    """A piece as it may stand somewhere: plain, without diacritics, escaped in JSON or URLs, in base64 and hex."""
    yield word.casefold()
    plain = "".join(c for c in unicodedata.normalize("NFKD", word) if not unicodedata.combining(c))
    yield plain.casefold()
    yield json.dumps(word)[1:-1].casefold()
    raw = word.encode()
    yield raw.hex()
    for shift in range(3):  # wherever it begins in what was encoded
        yield base64.b64encode(b" " * shift + raw).decode()[4 if shift else 0 : -4]


NEEDLES = {form: word for word in WORDS for form in forms(word)}


def found_in(text: str) -> set[str]:
    """The pieces that a text holds."""
    folded = text.casefold()
    return {word for form, word in NEEDLES.items() if form in (text if form != form.casefold() else folded)}


def texts_of(value: Any) -> Iterator[str]:
    """Every text that a value of a column holds."""
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
        yield value.decode("latin-1")
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield str(name)
            yield from texts_of(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_of(each)
    elif value is not None:
        yield str(value)


async def search(url: str) -> dict[str, set[str]]:
    """`table.column` of a database, and which pieces stand there."""
    left: dict[str, set[str]] = {}
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        for (table,) in tables:
            for row in await connection.fetch(f'SELECT * FROM "{table}"'):  # noqa: S608 - a table's own name
                for column, value in row.items():
                    for text in texts_of(value):
                        if pieces := found_in(text):
                            left.setdefault(f"{table}.{column}", set()).update(pieces)
    finally:
        await connection.close()
    return left
