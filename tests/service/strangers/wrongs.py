"""What strangers send: from a body's schema a body that has everything, and every way in which one member is wrong."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

WORDS: dict[str, Any] = {
    "code": "abc", "channel": "abc", "seller": "abc", "series": "ABC", "currency": "RON", "time_zone": "Europe/Rome",
    "country": "RO", "countries": ["RO"], "currencies": ["RON"], "languages": ["ro"], "language": "ro",
    "names": {"ro": "Ceva"}, "ean": "12345678", "vat_rate": "21", "shop_url": "https://shop.example",
    "image_url": "https://shop.example/a.png", "tracking_link": "https://shop.example/{number}", "letters": ["X"],
    "on_hand": "1", "buffer": "1", "scopes": ["orders:read"], "email": "ana@example.com",
    "recipient": "ana@example.com", "merchant_email": "ana@example.com", "shop_email": "ana@example.com",
    "alert_email": "ana@example.com", "tracking_url": "https://shop.example", "opens": "08:00", "closes": "16:00",
    "holidays": ["2026-12-25"], "sms_sender": "Shop", "colour": "#112233", "indicator": "abc", "mnemonic": "abc",
    "texts": {"ro": {"name": "Gata"}}, "topic": "order.created",
    "conditions": [{"field": "channel", "op": "eq", "value": "abc"}],
    "courier": "own_fleet", "phone": "+40722000001", "kind": "gift_wrap", "reason": "why not",
}  # fmt: skip
"""What fits where a schema only says that it is text of a form."""

MONEY = {"amount": "12.34", "currency": "RON"}
STRANGE = "zzz_nobody_knows"
LONG = 5000

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Wrong:
    """One member of a body made wrong: `field` is what the problem has to name."""

    what: str
    place: Place
    value: Any = field(repr=False)

    @property
    def named(self) -> str:
        """As problems write a place: `lines[0].quantity`."""
        path = ""
        for step in self.place:
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
        return path

    def done_to(self, body: Any) -> Any:
        """The body with this in it."""
        whole = deepcopy(body)
        inner = whole
        for step in self.place[:-1]:
            inner = inner[step]
        inner[self.place[-1]] = self.value
        return whole


class Schemas:
    """The schemas of one document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.known: Mapping[str, Any] = document["components"]["schemas"]

    def plain(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without references; of a choice, the first that is not null."""
        while "$ref" in schema or "anyOf" in schema or "allOf" in schema:
            if "$ref" in schema:
                schema = self.known[schema["$ref"].rsplit("/", 1)[1]]
            else:
                choice = schema.get("anyOf") or schema["allOf"]
                schema = next(each for each in choice if each.get("type") != "null")
        return schema

    def filled(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """A value in which every member stands."""
        schema = self.plain(schema)
        kind = schema.get("type")
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema.get("title") == "Money":
            return dict(MONEY)
        if name in WORDS:
            return deepcopy(WORDS[name])
        if kind == "object":
            given = schema.get("properties")
            return {key: self.filled(member, key) for key, member in given.items()} if given else {"abc": "def"}
        if kind == "array":
            return [self.filled(schema["items"], name)]
        return self._text(schema) if kind == "string" else {"integer": 1, "boolean": True}.get(str(kind), 1)

    def _text(self, schema: Mapping[str, Any]) -> str:
        return {"date-time": "2026-01-31T12:00:00Z", "uuid": "0198a0c0-0000-7000-8000-000000000001"}.get(
            schema.get("format", ""), "1" if "examples" in schema else "abc"
        )

    def wrongs(self, schema: Mapping[str, Any], place: Place = ()) -> Iterator[Wrong]:
        """Every way in which a member of a filled body may be wrong, all the way down; not of one that may be much."""
        if len([each for each in schema.get("anyOf", ()) if each.get("type") != "null"]) > 1:
            return
        schema = self.plain(schema)
        if place:
            yield from _wrongs_of(schema, place)
        if schema.get("title") == "Money":
            return
        if schema.get("properties"):
            yield Wrong("an unknown member", (*place, STRANGE), 1)
            for name, member in schema["properties"].items():
                yield from self.wrongs(member, (*place, name))
        elif schema.get("type") == "array":
            yield from self.wrongs(schema["items"], (*place, 0))


def _wrongs_of(schema: Mapping[str, Any], place: Place) -> Iterator[Wrong]:
    """What cannot stand where such a thing stands."""
    kind = schema.get("type", "object")
    others: dict[str, list[Any]] = {
        "string": [12345, True, ["a"], {"a": 1}],
        "integer": ["5", 1.5, True, 10**30, 2**63, [1]],
        "boolean": ["yes", "true", 1, 0, [True]],
        "array": [{}, "abc", 1],
        "object": [[], "abc", 1],
    }
    for value in others[kind]:
        yield Wrong(f"{type(value).__name__} for {kind}", place, value)
    if schema.get("title") == "Money":
        yield from _wrong_money(place)
    if kind == "string":
        yield from _wrong_text(schema, place)
    if kind == "integer" and schema.get("minimum", -1) >= 0:
        yield Wrong("a negative number", place, -1)
    if kind == "array" and "maxItems" in schema and schema["maxItems"] <= 100:
        yield Wrong("too many", place, ["abc"] * (schema["maxItems"] + 1))


def _wrong_text(schema: Mapping[str, Any], place: Place) -> Iterator[Wrong]:
    yield Wrong("NUL", place, "a\0b")
    yield Wrong("a control character", place, "a\x1bb")
    yield Wrong("half a character", place, "a\ud83d")
    if {"enum", "const"} & set(schema) or schema.get("format") in {"date-time", "uuid", "email"}:
        yield Wrong("what is none of them", place, "nonsense")
    if schema.get("format") == "date-time":
        yield Wrong("a time without an offset", place, "2026-01-31T12:00:00")
    if "maxLength" in schema:
        yield Wrong("too long", place, "a" * (schema["maxLength"] + 1))
    elif "pattern" in schema:
        yield Wrong("too long", place, "a" * LONG)
    if schema.get("title") == "Quantity":
        for amount in ("-1", "0.0001", "1e3", "9" * 30, "", " 1", "1\n", "١"):
            yield Wrong(f"{amount!r} of it", place, amount)


def _wrong_money(place: Place) -> Iterator[Wrong]:
    for amount in ("-1.00", "1.234", "1e5", "9" * 30, "", "12,34", " 1.00", "1.00\n", "١.00", "NaN"):
        yield Wrong(f"money of {amount!r}", place, {"amount": amount, "currency": "RON"})
    for currency in ("XXX", "ron", "RONRON", ""):
        yield Wrong(f"money in {currency!r}", place, {"amount": "1.00", "currency": currency})
    yield Wrong("money as a number", place, {"amount": 12.34, "currency": "RON"})
    yield Wrong("money with more to it", place, {**MONEY, STRANGE: 1})
