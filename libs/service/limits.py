"""What may come in: how slowly a body, how deep JSON, which characters, and how many requests."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.service.problems import FieldError, Invalid, Malformed, Problem, TooMany, TooSlow, field_path, rendered

MAX_DEPTH = 24
MAX_INT = 2**63 - 1
_ALLOWED = frozenset("\t\n\r")
# Where one of these stands in the raw bytes, the body is looked at closely; otherwise it cannot hold anything refused.
_DOUBTFUL = re.compile(
    rb"\\u00[0189]|\\u007[fF]|\\u[dD][89a-fA-F]|\\[bf]|\x7f|\xc2[\x80-\x9f]|NaN|Infinity|\d{19}|\d[eE]\+?\d{3}"
)
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPENING = frozenset(b"[{")


class BodyGuard:
    """ASGI middleware: a body that arrives too slowly, or JSON with what no text or number of ours may be, is a 4xx.

    FastAPI's own `max_body_size` counts the bytes as they are read.
    """

    def __init__(self, app: ASGIApp, within: timedelta) -> None:
        """`within`: how long a whole body may take to arrive."""
        self.app = app
        self.within = within.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _has_control_bytes(scope["path"].encode("utf-8", "surrogateescape")) or _has_control_bytes(
            unquote_to_bytes(scope["query_string"].replace(b"+", b" "))
        ):
            problem = Invalid("the address holds control characters")
            await rendered(problem, "/")(scope, receive, send)
            return
        await self.app(scope, _Guarded(receive, self.within, is_json=_is_json(scope)), send)


def _has_control_bytes(text: bytes) -> bool:
    try:
        return not _clean(text.decode())
    except UnicodeDecodeError:
        return True


def _is_json(scope: Scope) -> bool:
    return any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"])


class _Guarded:
    """Receives for the application; refuses by raising what FastAPI hands to the error handlers."""

    def __init__(self, receive: Receive, within: float, *, is_json: bool) -> None:
        self.receive = receive
        self.within = within
        self.is_json = is_json
        self.chunks: list[bytes] = []
        self.deadline: float | None = None
        self.complete = False

    async def __call__(self) -> Message:
        if self.complete:
            return await self.receive()
        self.deadline = self.deadline or time.monotonic() + self.within
        try:
            async with asyncio.timeout(max(0.001, self.deadline - time.monotonic())):
                message = await self.receive()
        except TimeoutError:
            slow = TooSlow(headers={"Connection": "close"})  # what still trickles in is nobody's
            raise _refusal(slow) from slow
        if message["type"] == "http.request":
            self.complete = not message.get("more_body", False)
            if self.is_json:
                self.chunks.append(message.get("body", b""))
                if self.complete:
                    body = b"".join(self.chunks)
                    self.chunks.clear()
                    check_json(body)
        return message


def _refusal(problem: Problem) -> HTTPException:
    refusal = HTTPException(problem.status, problem.detail)
    refusal.__cause__ = problem  # what the error handler renders
    return refusal


def check_json(body: bytes) -> None:
    """HTTPException, caused by a problem, when the body is no UTF-8, too deep, or holds what is refused everywhere."""
    try:
        body.decode()
    except UnicodeDecodeError:
        other = Malformed("the body is not UTF-8")
        raise _refusal(other) from other
    if b"\0" in body:
        raise _refusal(Malformed("the body is not JSON"))
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and depth_of(body) > MAX_DEPTH:
        raise _refusal(Malformed(f"the body is nested more than {MAX_DEPTH} deep"))
    if _DOUBTFUL.search(body):
        _look_closely(body)


def depth_of(body: bytes) -> int:
    """How deep JSON is nested, in time that grows with its length alone, whatever it holds."""
    deepest = depth = 0
    for byte in _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if byte in _OPENING else -1
        deepest = max(deepest, depth)
    return deepest


def _look_closely(body: bytes) -> None:
    def refuse(constant: str) -> Any:
        raise _refusal(Malformed(f"{constant} is not JSON"))

    try:
        value = json.loads(body, parse_constant=refuse)
    except ValueError:
        return  # no JSON at all: FastAPI says where
    errors = list(_wrong(value, ("body",)))
    if errors:
        raise _refusal(Invalid("; ".join(f"{e.field}: {e.detail}" for e in errors[:5]), errors=errors[:50]))


def _wrong(value: Any, place: tuple[str | int, ...]) -> list[FieldError]:
    if isinstance(value, dict):
        bad = [FieldError(field_path(place), "a name holds control characters") for name in value if not _clean(name)]
        return bad + [error for name, each in value.items() if _clean(name) for error in _wrong(each, (*place, name))]
    if isinstance(value, list):
        return [error for number, each in enumerate(value) for error in _wrong(each, (*place, number))]
    if isinstance(value, str) and not _clean(value):
        return [FieldError(field_path(place), "holds control characters or half a character")]
    if isinstance(value, int) and abs(value) > MAX_INT:
        return [FieldError(field_path(place), "is too large a number")]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return [FieldError(field_path(place), "is too large a number")]
    return []


def _clean(text: str) -> bool:
    """Text without control characters (other than tab and line ends), NUL or half of a surrogate pair."""
    return all(ch in _ALLOWED or not (ch < " " or "\x7f" <= ch <= "\x9f" or "\ud800" <= ch <= "\udfff") for ch in text)


@dataclass
class RateLimit:
    """A token bucket for each caller: `burst` at once, `per_second` in the long run. One process's own count."""

    per_second: float
    burst: int
    remembered: int = 20_000
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # tokens, and when they were counted

    def take(self, who: str) -> None:
        """Count one request; TooMany, with `Retry-After`, when the bucket is empty."""
        now = time.monotonic()
        tokens, at = self._buckets.pop(who, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - at) * self.per_second)
        if tokens < 1:
            self._buckets[who] = (tokens, now)
            raise TooMany(headers={"Retry-After": str(max(1, round((1 - tokens) / self.per_second)))})
        if len(self._buckets) >= self.remembered:  # the oldest in order of use goes
            del self._buckets[next(iter(self._buckets))]
        self._buckets[who] = (tokens - 1, now)
