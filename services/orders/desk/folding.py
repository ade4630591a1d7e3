"""The words by which an order is found, and what somebody who searches means. Pure: the same on every server."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from libs.contracts.common import Person
from services.orders.lifecycle.domain import Order

LONGEST = 100
"""Characters of a word; what is longer is cut, in an order and in a search alike."""
MOST = 10
"""Words of a search; more are left out."""
TAIL = 9
"""Digits of a telephone number by which it is found however it was written: with a country's code, with 0, or bare."""
_LEAST_DIGITS = 5
_OTHERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_PARTS = re.compile(r"[\W_]+")
_TELEPHONE = re.compile(r"\+?[\d\s()./-]+")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Small letters without marks: `Ștefănescu` and `Ştefanescu` are `stefanescu`, `Straße` is `strasse`."""
    if text.isascii():
        return text.lower()
    # Folded before and after the marks are gone: what a compatibility form stands for may be a capital.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).casefold()
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_OTHERS)


def parts(text: str) -> list[str]:
    """Its words, folded, without what stands between them."""
    return [part for part in _PARTS.split(fold(text)) if part]


def plain_words(order: Order) -> list[str]:
    """The words of an order that are nobody's person: its numbers, SKUs and parcels."""
    tail = order.number.rsplit("-", 1)[-1]
    whole = [order.number, order.external_id, *(awb.awb for awb in order.awbs())]
    found = [fold(text).strip() for text in (*whole, *(line.sku for line in order.lines)) if text]
    return _clean([*found, fold(tail), fold(tail.lstrip("0"))])


def person_words(person: Person | None) -> list[str]:
    """The words of whoever ordered: names, e-mail whole and in parts, telephone numbers whole and their last digits."""
    if person is None:
        return []
    addresses = [address for address in (person.billing, person.shipping) if address]
    names = [person.name, person.company.name if person.company else None, *(address.name for address in addresses)]
    found = [word for name in names if name for word in parts(name)]
    if person.email:
        found += [fold(person.email).strip(), *parts(person.email)]
    for number in (person.phone, *(address.phone for address in addresses)):
        digits = "".join(sign for sign in number or "" if sign.isdecimal() and sign.isascii())
        found += [digits, digits[-TAIL:]]
    return _clean(found)


def _clean(words: Iterable[str]) -> list[str]:
    return sorted({word[:LONGEST] for word in words if word})


class Term(NamedTuple):
    """What one word asked for means: a beginning, as a tsquery; or all of its parts, where marks stand between them."""

    whole: str
    parts: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """All of it, as a tsquery."""
        return f"({self.whole} | ({' & '.join(self.parts)}))" if self.parts else self.whole

    @property
    def beginnings(self) -> tuple[str, ...]:
        """The tsqueries it is made of."""
        return (self.whole, *self.parts)

    def without(self, common: Collection[str]) -> str | None:
        """A tsquery that finds at least what `asked` does and asks for none of these; None where nothing is left."""
        parts = tuple(part for part in self.parts if part not in common)
        if self.whole in common or (self.parts and not parts):
            return None
        return self._replace(parts=parts).asked


def question(asked: str) -> tuple[Term, ...]:
    """Every word asked for must begin one of an order's own. Empty where nothing was asked."""
    text = asked.strip()
    if not text:
        return ()
    if _TELEPHONE.fullmatch(text) and (found := _telephone(text)):
        return (Term(found),)
    terms = [term for chunk in text.split()[:MOST] if (term := _term(chunk))]
    return tuple(dict.fromkeys(terms)) or (NOTHING,)


def _telephone(text: str) -> str | None:
    """However the number is written: by its last digits, or by as many as there are yet."""
    digits = "".join(sign for sign in text if sign.isdecimal() and sign.isascii())
    if len(digits) < _LEAST_DIGITS:
        return None
    ways = [digits[-TAIL:]] if len(digits) >= TAIL else [digits, digits.lstrip("0")]
    whole = [fold("".join(text.split()))]  # it may be a number of an order or a parcel after all
    return _any(dict.fromkeys(way for way in (*ways, digits, *whole) if way))


def _term(chunk: str) -> Term | None:
    whole, split = fold(chunk), parts(chunk)
    if not whole:
        return None
    return Term(_lexeme(whole), () if not split or split == [whole] else tuple(_lexeme(part) for part in split))


def _any(words: Iterable[str]) -> str:
    return f"({' | '.join(_lexeme(word) for word in words)})"


def _lexeme(word: str) -> str:
    """A prefix; a single sign only as the whole word, because it begins nearly every order."""
    quoted = word[:LONGEST].replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}':*" if len(word) > 1 else f"'{quoted}'"


NOTHING = Term("' '")
"""What no order has: the question of somebody who typed only marks."""


def found_by(order: Order) -> tuple[Sequence[str], Sequence[str]]:
    """All words of an order, and those of them that stay when its person is forgotten."""
    plain = plain_words(order)
    return sorted({*plain, *person_words(order.person)}), plain
