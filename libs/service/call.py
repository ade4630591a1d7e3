"""What a route is given: who calls, the transaction to do it in, and the answer that is stored beside the effect."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, from_json, to_json

from libs.events.connection import FEW_ROWS
from libs.events.transaction import Cause, Transaction, new_id
from libs.service import idempotency, telemetry
from libs.service.access import Access
from libs.service.auth import PUBLIC, Principal
from libs.service.logs import correlation
from libs.service.problems import Forbidden, Invalid, Problem, Stale, TooMany, Unauthenticated, rendered
from libs.service.service import Context

MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BEARER = HTTPBearer(
    auto_error=False, scheme_name="bearer", description="A JWT of the configured issuer, or an API key."
)
_API_KEY = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="api_key", description="An API key.")


_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _rfc3339(value: Any) -> Any:
    if not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("a time is RFC 3339 text with its offset, such as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
"""A time as it is sent: text with its offset, never a number."""


def _take_strictly(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool"):
            schema["strict"] = True
        for inner in schema.values():
            _take_strictly(inner)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            _take_strictly(inner)


class Body(BaseModel):
    """A request body: unknown members are refused, and the body guard has refused control characters.

    A number is a number and a truth is a truth: `"5"` and `"yes"` are neither.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """As declared, with every number and every truth taken strictly, wherever it stands."""
        schema = handler(source)
        _take_strictly(schema)
        return schema


class Call:
    """One request of one principal."""

    def __init__(self, request: Request, principal: Principal, key: str | None = None, body_hash: bytes = b"") -> None:
        """Made by `needs` and `public`."""
        self.request = request
        self.principal = principal
        self.context: Context[Any] = request.app.state.context
        self.cause = Cause(principal.actor, correlation.get() or new_id())
        self.if_match = _version(request.headers.get("if-match"))
        self._key = (
            idempotency.Key(principal.actor, f"{request.method} {request.scope['route'].path}", key, body_hash)
            if key is not None
            else None
        )
        self._kept: Response | None = None

    @asynccontextmanager
    async def uow(self, *, few_rows: bool = False) -> AsyncIterator[Transaction]:
        """The command's transaction: commits when the block ends, before the answer is sent.

        With an Idempotency-Key its row is the first insert, a stored answer is sent again instead of running the
        block, and what `answer` was given inside the block is the last write. `few_rows`: all statements of the block
        find a few rows by their keys and are planned once a connection, by index, however small the tables then were.
        """
        async with self.context.uow(self.cause) as tx:
            if self._key is not None:
                await idempotency.begin(tx, self._key, few_rows=few_rows)
            elif few_rows:
                await tx.sql.execute(f"SELECT {FEW_ROWS}")
            yield tx
            if self._key is not None:
                if self._kept is None:
                    raise RuntimeError("a command answers inside its transaction: call.answer(...)")
                await tx.flush()
                await idempotency.finish(tx, self._key, self._kept)
                self._key = None  # a second transaction of this call is not the command

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction without Idempotency-Key, in which no answer is owed."""
        async with self.context.uow(self.cause) as tx:
            yield tx

    @asynccontextmanager
    async def look(self) -> AsyncIterator[Transaction]:
        """For a block that reads and nothing else: every statement by itself, without BEGIN and COMMIT around them."""
        async with self.context.uow.look(self.cause) as tx:
            yield tx

    def answer(
        self,
        body: Any = None,
        *,
        status: int = 200,
        etag: int | None = None,
        headers: Mapping[str, str] | None = None,
        told_once: str | None = None,
    ) -> Response:
        """A ready response from a model, from JSON in bytes or anything JSON is made of; None answers without a body.

        `told_once` names a member that is told this once: what is kept for a repeated call has it empty.
        """
        found = dict(headers or {})
        if etag is not None:
            found["ETag"] = f'"{etag}"'
        if isinstance(body, BaseModel):
            content = body.model_dump_json().encode()
        elif isinstance(body, bytes):
            content = body
        else:
            content = b"" if body is None else to_json(body)
        kind = "application/json" if content else None
        answer = self._kept = Response(content, status, found, media_type=kind)
        if told_once is not None:
            self._kept = Response(to_json(from_json(content) | {told_once: ""}), status, found, media_type=kind)
        return answer

    def refuse(self, problem: Problem) -> Response:
        """A refusal as a command's answer: what the command has done up to here stays done."""
        answer = self._kept = rendered(problem, self.request.url.path)
        return answer


def _version(header: str | None) -> int | None:
    if header is None or header.strip() == "*":
        return None
    text = header.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - a bigint
        raise Invalid("one ETag as it was read", field="If-Match")
    return int(text)


def check_version(version: int, if_match: int | None) -> None:
    """Stale unless the caller named the present version, or none."""
    if if_match is not None and if_match != version:
        raise Stale(f"it is at version {version} now", headers={"ETag": f'"{version}"'})


def needs(*scopes: str, own: str | None = None, sometimes: tuple[str, ...] = ()) -> Any:
    """Ask for all of these scopes: a route takes its call as `Annotated[Call, ...]` with what this returns.

    `own`: a customer with that scope comes in too, and the route shows them what is theirs. `sometimes`: scopes that
    the route itself asks for beside these, of some bodies.
    """
    access = Access("scopes", scopes, own, sometimes)

    async def authorised(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        api_key: Annotated[str | None, Depends(_API_KEY)],
    ) -> Call:
        principal = await _identified(request, bearer.credentials if bearer else api_key)
        if not access.lets_in(principal):
            raise Forbidden(f"needs {' '.join(scopes)}")
        return await _call(request, principal)

    authorised.access = access  # type: ignore[attr-defined] # what the route declares
    return Depends(authorised)


def public() -> Any:
    """Let anybody in, at a limited rate."""
    return _open(Access("anybody"))


def signed() -> Any:
    """Let anybody knock, at a limited rate: the route takes nothing whose signature over the raw bytes is not right."""
    return _open(Access("signature"))


def _open(access: Access) -> Any:
    async def open_to_all(request: Request) -> Call:
        _limit(_context(request), PUBLIC, _address(request), signed=access.means == "signature")
        return Call(request, PUBLIC)

    open_to_all.access = access  # type: ignore[attr-defined] # what the route declares
    return Depends(open_to_all)


async def _identified(request: Request, credential: str | None) -> Principal:
    context = _context(request)
    try:
        principal = await context.auth.principal(credential or "")
    except Unauthenticated as refusal:
        _limit(context, PUBLIC, _address(request))  # guessing is slow
        refusal.headers["WWW-Authenticate"] = "Bearer"
        raise
    _limit(context, principal, _address(request))
    return principal


async def _call(request: Request, principal: Principal) -> Call:
    if request.method not in MUTATING:
        return Call(request, principal)
    key = idempotency.checked(request.headers.get(idempotency.HEADER))
    if key is None:
        return Call(request, principal)
    body = await request.body()
    return Call(request, principal, key, idempotency.hash_of(request.url.path, request.scope["query_string"], body))


def _limit(context: Context[Any], principal: Principal, address: str, *, signed: bool = False) -> None:
    """Count the request against whoever it comes from."""
    try:
        match principal.kind:
            case "public":
                (context.signed_rate if signed else context.public_rate).take(f"address:{address}")
            case "customer":
                context.public_rate.take(principal.actor)
            case _:
                context.rate.take(principal.actor)
    except TooMany:
        telemetry.LIMITED.labels(context.name, principal.kind).inc()
        raise


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _context(request: Request) -> Context[Any]:
    return cast("Context[Any]", request.app.state.context)
