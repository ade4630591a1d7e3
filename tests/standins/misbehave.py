"""Misbehaviour on command and at random: what other people's servers do to us on a bad day."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.standins.book import Book

BEFORE = {"error500": 500, "rate_limit": 429, "unauthorized": 401}
AFTER = {"late", "error500_after", "garbage", "drop_after_effect"}
TRANSPORT = {*BEFORE, *AFTER, "slow", "drop_before"}
AT_RANDOM = ("late", "error500", "error500_after", "garbage", "drop_after_effect", "drop_before", "rate_limit")
GARBAGE = b'<html><body>\x00\xffupstream said: {"status": "COMPL'


@dataclass
class Rule:
    """The next ``times`` calls of an operation (``*``: of any) go wrong in this way."""

    operation: str
    how: str
    times: int = 1
    delay_ms: int = 0
    code: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Mischief:
    """The rules that stand, first come first used; without one, a seeded die decides."""

    def __init__(self, *, chaos: float = 0.0, seed: int = 0, late_ms: int = 2000) -> None:
        self.rules: list[Rule] = []
        self.chaos, self.late_ms = chaos, late_ms
        self._dice = random.Random(seed)

    def add(self, rule: Rule) -> None:
        """Let a rule stand until it is used up."""
        self.rules.append(rule)

    def roll(self, share: float, seed: int) -> None:
        """From now on this share of calls goes wrong, by these dice."""
        self.chaos, self._dice = share, random.Random(seed)

    def take(self, operation: str, hows: set[str], at_random: Sequence[str] = ()) -> Rule | None:
        """Use up one turn of the first rule that fits, or throw the dice."""
        for rule in self.rules:
            if rule.operation in ("*", operation) and rule.how in hows:
                rule.times -= 1
                if rule.times <= 0:
                    self.rules.remove(rule)
                return rule
        if at_random and self._dice.random() < self.chaos:
            return Rule(operation, self._dice.choice(at_random), delay_ms=self._dice.randint(1, self.late_ms))
        return None

    def standing(self) -> list[dict[str, Any]]:
        """The rules not used up yet."""
        return [asdict(rule) for rule in self.rules]


class Operation:
    """One operation of the protocol: misbehaves where told, and writes each request into the book."""

    def __init__(self, name: str, app: ASGIApp, mischief: Mischief, book: Book) -> None:
        self.name, self.app, self.mischief, self.book = name, app, mischief, book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer well, or badly: before the effect, after it, or not at all."""
        rule = self.mischief.take(self.name, TRANSPORT, AT_RANDOM)
        body = await _body(receive)
        answer = _Answer()
        if rule is None or rule.how in AFTER or rule.how == "slow":
            if rule is not None and rule.how == "slow":
                await asyncio.sleep(rule.delay_ms / 1000)
            await self.app(scope, _again(body), answer)
        else:
            answer.refuse(rule)
        self._note(scope, body, answer, rule)
        if rule is not None and rule.how == "late":
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule is not None and rule.how in ("drop_after_effect", "drop_before"):
            await hang_up(scope, receive)
            return
        if rule is not None and rule.how == "garbage":
            answer.garble()
        elif rule is not None and rule.how == "error500_after":
            answer.refuse(rule)
        await answer.give(send)

    def _note(self, scope: Scope, body: bytes, answer: "_Answer", rule: Rule | None) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        headers.pop("authorization", None)
        self.book.asked(
            self.name,
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1") if self.name != "login" else "",
            key=headers.get("paypal-request-id"),
            headers=headers,
            body=_readable(body) if self.name not in ("login", "token") else None,
            status=answer.status,
            misbehaved=rule.how if rule else None,
        )


class _Answer:
    """A response held back until it is known whether it may leave."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 500, list[tuple[bytes, bytes]](), b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def refuse(self, rule: Rule) -> None:
        self.status = rule.code or BEFORE.get(rule.how, 500)
        self.body = json.dumps({"name": "MISBEHAVED", "message": rule.how, "debug_id": "f00d"}).encode()
        self.headers = [(b"content-type", b"application/json")]
        if rule.how == "rate_limit":
            self.headers.append((b"retry-after", b"1"))

    def garble(self) -> None:
        self.status, self.body, self.headers = 200, GARBAGE, [(b"content-type", b"text/html")]

    async def give(self, send: Send) -> None:
        headers = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        if self.status != 204:
            headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def with_hang_up(app: ASGIApp) -> ASGIApp:
    """Let the routes of an app hang up on their caller: ASGI knows no such thing, uvicorn's request cycle does."""

    async def reaching(scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        if cycle is None:
            raise RuntimeError("the server does not let us reach its connection")
        await app({**scope, "hang_up": cycle.transport.abort}, receive, send)

    return reaching


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Close the caller's connection without a byte of an answer."""
    scope["hang_up"]()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False) and message["type"] == "http.request"
    return body


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _readable(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")[:10_000]
