"""Hostile bodies at every route that changes anything: a problem that names the field, and nothing written."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from tests.service.strangers.door import Door, Operation
from tests.service.strangers.wrongs import STRANGE, Schemas

PROBLEM = "application/problem+json"
DEPTH = 1000
UNREADABLE: dict[str, tuple[bytes, int]] = {
    "cut off": (b'{"name": "x"', 400),
    "no JSON": (b"name=x&code=y", 400),
    "two values": (b"{}{}", 400),
    "not UTF-8": (b'{"name": "\xff\xfe"}', 400),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), 400),
    "NUL between": (b'{"name": \0 "x"}', 400),
    "a constant that is none": (b'{"name": NaN}', 400),
    "deep lists": (b"[" * DEPTH + b"]" * DEPTH, 400),
    "deep objects": (b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, 400),
    "a list": (b"[]", 422),
    "a number": (b"7", 422),
    "null": (b"null", 422),
    "nothing": (b"", 422),
    "10 MB": (b'{"name": "' + b"x" * 10_000_000 + b'"}', 413),
}


def with_bodies(door: Door) -> list[tuple[Operation, Mapping[str, Any]]]:
    return [(each, each.body) for each in door.operations(mutating=True) if each.body is not None]


async def refused(door: Door, operation: Operation, content: bytes) -> httpx.Response:
    """The problem that this was answered with, under a key of its own."""
    answer: httpx.Response = await door.say(operation, content, {"Idempotency-Key": str(uuid4())})
    where = f"{operation.method} {operation.path} {content[:500]!r}: {answer.status_code} {answer.text[:500]}"
    assert 400 <= answer.status_code < 500, where
    assert answer.headers["content-type"] == PROBLEM, where
    assert answer.json()["status"] == answer.status_code, where
    return answer


def told(answer: httpx.Response) -> set[tuple[str, str]]:
    """Which fields are wrong, and why."""
    return {(error["field"], error["detail"]) for error in answer.json().get("errors", [])}


async def test_what_cannot_be_read_is_refused_everywhere_and_nothing_is_written(door: Door) -> None:
    before = await door.kept()
    for operation, _ in with_bodies(door):
        for what, (content, status) in UNREADABLE.items():
            answer = await refused(door, operation, content)
            assert answer.status_code == status, (operation, what, answer.text)
        assert await door.kept() == before, operation


async def test_every_member_that_is_wrong_is_named_and_nothing_is_written(door: Door) -> None:
    schemas = Schemas(door.document)
    tried = 0
    for operation, schema in with_bodies(door):
        body = schemas.filled(schema)
        anyway = told(await door.say(operation, json.dumps(body).encode()))  # there is no such channel, say
        before = await door.kept()
        for wrong in schemas.wrongs(schema):
            answer = await refused(door, operation, json.dumps(wrong.done_to(body)).encode())
            fresh = {name for name, _ in told(answer) - anyway}
            named = {name for name in fresh if name == wrong.named or name.startswith(f"{wrong.named}.")}
            assert named, f"{operation} {wrong}: {answer.status_code} {answer.text}"
            tried += 1
        assert await door.kept() == before, operation
    assert tried > 5, "the schemas say what can be wrong"


async def test_every_text_list_and_number_of_a_body_says_how_much_it_takes(door: Door) -> None:
    schemas = Schemas(door.document)
    endless = []
    for operation, schema in with_bodies(door):
        for wrong in schemas.wrongs(schema):
            if wrong.place[-1] == STRANGE:
                continue
            member = _member(schemas, schema, wrong.place)
            kind = member.get("type")
            bounds = {"string": {"maxLength", "pattern", "enum", "const", "format"}, "array": {"maxItems"}}
            bounds |= {"integer": {"maximum", "exclusiveMaximum"}, "object": {"properties", "maxProperties"}}
            if kind in bounds and not bounds[kind] & set(member):
                endless.append(f"{operation.method} {operation.path}: {wrong.named}")
    assert sorted(set(endless)) == []


def _member(schemas: Schemas, schema: Mapping[str, Any], place: tuple[str | int, ...]) -> Mapping[str, Any]:
    for step in place:
        schema = schemas.plain(schema)
        schema = schema["items"] if isinstance(step, int) else schema["properties"][step]
    return schemas.plain(schema)
