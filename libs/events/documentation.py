"""What a contract says, as data: the form of its JSON, an example of it, and what in a new form breaks old readers."""

import inspect
import re
from functools import cache
from typing import Any

from libs.events.contract import Event, Part

Schema = dict[str, Any]
Form = Any
"""The form of a value: text for a plain one, otherwise one of `members` (and `required`), `items`, `values`, `one_of`,
`or_null`."""

_COMMENT = re.compile(r"^    (\w+): .*?  # (?!type: ignore|noqa)(.+)$", re.MULTILINE)
_EXAMPLES: dict[str, Any] = {
    "uuid": "01900000-0000-7000-8000-000000000001",
    "date-time": "2026-11-22T10:00:00Z",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
}
_BY_NAME = {
    "language": "ro", "languages": "ro", "currency": "RON", "country": "RO", "sku": "mug", "depot": "main",
    "depots": "main", "channel": "web", "time_zone": "Europe/Bucharest", "unit": "pcs", "vat_rate": "21",
    "email": "ana@example.org", "number": "RO-2026-000123", "awb": "2000012345678",
    "courier": "fan", "name": "Ana", "names": "Curier",
}  # fmt: skip


def comments(part: type[Part]) -> dict[str, str]:
    """What the source says beside each member, of a part and of the parts it is made from."""
    found: dict[str, str] = {}
    for kind in reversed(part.__mro__):
        if issubclass(kind, Part) and kind not in (Part, Event):
            found |= {name: text.strip() for name, text in _COMMENT.findall(inspect.getsource(kind))}
    return {name: text.replace("None", "null") for name, text in found.items() if name in part.model_fields}


@cache
def schema_of(part: type[Part]) -> Schema:
    """Its JSON Schema; not to be changed."""
    return part.model_json_schema()


def form_of(contract: type[Event]) -> Form:
    """The form of a fact's JSON, without its words: what readers depend on."""
    schema = schema_of(contract)
    return _form(schema, schema.get("$defs", {}))


def _form(schema: Schema, defs: dict[str, Schema]) -> Form:  # noqa: PLR0911 - one for each kind
    if "$ref" in schema:
        return _form(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    if "anyOf" in schema:
        return _any_of([_form(each, defs) for each in schema["anyOf"]])
    if "enum" in schema:
        return {"one_of": sorted(schema["enum"])}
    match schema.get("type"):
        case "object" if "properties" in schema:
            members = {name: _form(each, defs) for name, each in sorted(schema["properties"].items())}
            return {"members": members, "required": sorted(schema.get("required", ()))}
        case "object":
            return {"values": _form(schema["additionalProperties"], defs)}
        case "array":
            return {"items": _form(schema["items"], defs)}
    plain = (schema["type"], schema.get("format"), schema.get("pattern"))
    return " ".join(word for word in plain if word)


def _any_of(forms: list[Form]) -> Form:
    """One of ours may be null; a known enum is text as well, and then its values are what matters."""
    others = [form for form in forms if form not in ("null", "string")]
    inner = others[0] if others else "string"
    if len(others) > 1:
        raise TypeError(f"a member is one thing, not {others}")
    return {"or_null": inner} if "null" in forms else inner


def example_of(contract: type[Event]) -> dict[str, Any]:
    """A fact with every member set, the same at every call."""
    schema = schema_of(contract)
    found: dict[str, Any] = _example(schema, schema.get("$defs", {}), "")
    return found


def _example(schema: Schema, defs: dict[str, Schema], name: str) -> Any:  # noqa: PLR0911 - as above
    if "$ref" in schema:
        return _example(defs[schema["$ref"].rsplit("/", 1)[1]], defs, name)
    if "anyOf" in schema:
        return _example(next(each for each in schema["anyOf"] if each.get("type") != "null"), defs, name)
    if "enum" in schema:
        return schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    match schema["type"]:
        case "object" if "properties" in schema:
            return {key: _example(each, defs, key) for key, each in schema["properties"].items()}
        case "object":
            return {"key": _example(schema["additionalProperties"], defs, name)}
        case "array":
            return [_example(schema["items"], defs, name)]
        case "string":
            return _EXAMPLES.get(schema.get("format", ""), _BY_NAME.get(name, "text"))
    return _EXAMPLES[schema["type"]]


def breaks(old: Form, new: Form, where: str = "data") -> list[str]:
    """What in the new form breaks a reader of the old one, or a reader of the new one who meets an old fact.

    New members that need not be there, and new values of an enum, break nobody.
    """
    if isinstance(old, str) or isinstance(new, str) or set(old) != set(new):
        return [] if old == new else [f"{where}: was {_word(old)}, is {_word(new)}"]
    if "members" in old:
        return _broken_members(old, new, where)
    if "one_of" in old:
        return [f"{where}: {value} is gone" for value in old["one_of"] if value not in new["one_of"]]
    (inner,) = old
    return breaks(old[inner], new[inner], where if inner == "or_null" else f"{where}[]")


def _broken_members(old: Form, new: Form, where: str) -> list[str]:
    found = [f"{where}.{name}: is gone" for name in old["members"] if name not in new["members"]]
    found += [f"{where}.{name}: old facts lack it" for name in new["required"] if name not in old["required"]]
    for name, form in old["members"].items():
        if name in new["members"]:
            found += breaks(form, new["members"][name], f"{where}.{name}")
    return found


def _word(form: Form) -> str:
    """A form in a word or two."""
    if isinstance(form, str):
        return form
    kinds = {"members": "an object", "items": "a list", "values": "a map", "one_of": "an enum", "or_null": "or null"}
    return next(word for kind, word in kinds.items() if kind in form)
