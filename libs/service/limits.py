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

from libs.service.problems import (
    FieldError,
    Invalid,
    Malformed,
    Problem,
    TooLarge,
    TooMany,
    TooSlow,
    field_path,
    rendered,
)

MAX_DEPTH = 24
MAX_INT = 2**63 - 1
# Where one of these stands in the raw bytes, the body is looked at closely; otherwise it cannot hold anything refused.
# A number begins the body or follows one of `[:,` or white space: digits inside an id are none.
_DOUBTFUL = re.compile(
    rb"\\u00[0189]|\\u007[fF]|\\u[dD][89a-fA-F]|\\[bf]|\x7f|\xc2[\x80-\x9f]|NaN|Infinity"
    rb"|(?:\A|[\[:,\s])-?(?:\d{19}|\d[\d.]*[eE]\+?\d{3})"
)
_UNCLEAN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.?)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_OPENING = frozenset(b"[{")


class BodyGuard:
    """ASGI middleware: a body too large or too slow, or JSON with what no text or number of ours may be, is a 4xx."""

    def __init__(self, app: ASGIApp, within: timedelta, most: int) -> None:
        """`within`: how long a whole body may take to arrive. `most`: its bytes, where a route says nothing else."""
        self.app = app
        self.within = within.total_seconds()
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _has_control_bytes(scope):
            problem = Invalid("the address holds control characters")
            await rendered(problem, "/")(scope, receive, send)
            return
        await self.app(scope, Guarded(receive, self.within, self.most, scope), send)


def _has_control_bytes(scope: Scope) -> bool:
    path, query = scope["path"], scope["query_string"]
    if not (path.isascii() and path.isprintable()) and _unclean(path.encode("utf-8", "surrogateescape")):
        return True
    return bool(query) and _unclean(unquote_to_bytes(query.replace(b"+", b" ")))


def _unclean(text: bytes) -> bool:
    try:
        return not _clean(text.decode())
    except UnicodeDecodeError:
        return True


class Guarded:
    """Receives for the application; refuses by raising what FastAPI hands to the error handlers."""

    def __init__(self, receive: Receive, within: float, most: int, scope: Scope) -> None:
        """Nothing has been received yet."""
        self.receive = receive
        self.within = within
        self.most = most
        self.scope = scope
        self.is_json = False
        self.began = False
        self.size = 0
        self.chunks: list[bytes] = []
        self.deadline = 0.0
        self.complete = False

    def admit(self, most: int | None) -> None:
        """HTTPException when the body is announced as larger than the route takes, which may say so itself."""
        self.most = self.most if most is None else most
        for name, value in self.scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self.most:
                raise _too_large()

    async def __call__(self) -> Message:
        """What came in next, if it may."""
        if self.complete:
            return await self.receive()
        if not self.began:
            self.began, self.is_json = True, _is_json(self.scope)
            self.deadline = time.monotonic() + self.within
        try:
            async with asyncio.timeout(max(0.001, self.deadline - time.monotonic())):
                message = await self.receive()
        except TimeoutError:
            slow = TooSlow(headers={"Connection": "close"})  # what still trickles in is nobody's
            raise _refusal(slow) from slow
        if message["type"] == "http.request":
            self._take(message.get("body", b""), last=not message.get("more_body", False))
        return message

    def _take(self, chunk: bytes, *, last: bool) -> None:
        self.size += len(chunk)
        if self.size > self.most:
            raise _too_large()
        self.complete = last
        if self.is_json:
            self.chunks.append(chunk)
            if last:
                body = b"".join(self.chunks)
                self.chunks.clear()
                check_json(body)


def _is_json(scope: Scope) -> bool:
    return any(name == b"content-type" and b"json" in value.lower() for name, value in scope["headers"])


def _too_large() -> HTTPException:
    return _refusal(TooLarge(headers={"Connection": "close"}))


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
    return _UNCLEAN.search(text) is None


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
