"""An example of a body, from its schema: what its fields say of themselves, or the plainest value of their kind."""

from collections.abc import Mapping
from typing import Any

DEPTH = 8
_PLAIN: dict[str, Any] = {"string": "text", "boolean": True, "null": None}
_FORMATS = {
    "uuid": "0198a0c0-0000-7000-8000-000000000001",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "ana@example.com",
    "uri": "https://shop.example/",
}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value with every required member, and those optional ones that give an example of their own."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, depth)
    found, said = _said(schema)
    if said:
        return found
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return example_of(schema[union][0], schemas, depth)
    if schema.get("type") == "object":
        return _object(schema, schemas, depth)
    if schema.get("type") == "array":
        wanted = max(schema.get("minItems", 0), int(depth < DEPTH))
        return [example_of(schema.get("items", {}), schemas, depth + 1) for _ in range(wanted)]
    return _plain(schema)


def _said(schema: Mapping[str, Any]) -> tuple[Any, bool]:
    """The example that a schema gives itself, and whether it gives one."""
    for given in ("const", "example"):
        if given in schema:
            return schema[given], True
    for given in ("examples", "enum"):
        if schema.get(given):
            return schema[given][0], True
    return None, False


def _plain(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "")
    if kind in {"integer", "number"}:
        return schema.get("minimum", 1)
    return _FORMATS.get(schema.get("format", ""), _PLAIN.get(kind, {}))


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    return {
        name: example_of(member, schemas, depth + 1)
        for name, member in schema.get("properties", {}).items()
        if name in required or (depth < DEPTH and (member.get("examples") or "example" in member))
    }
