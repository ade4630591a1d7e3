"""Errors as RFC 9457 problem+json: a message for a person, a stable `type` for a program, the fields that are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import asyncpg
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from libs.events.errors import Kind, kind_of

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: its path as `lines[2].quantity`, and what is wrong with it."""

    field: str
    detail: str


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An expected refusal. Subclasses set `status` and `slug`; the docstring's first line describes it in OpenAPI."""

    status: ClassVar[HTTPStatus] = HTTPStatus.CONFLICT
    slug: ClassVar[str] = "conflict"

    def __init__(
        self,
        detail: str = "",
        *,
        field: str | None = None,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`field` names the one wrong field, `errors` several; `headers` go into the answer."""
        detail = detail or summary_of(type(self))
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors) or ((FieldError(field, detail),) if field else ())
        self.headers = dict(headers or {})


class NotFound(Problem):
    """There is no such thing, or it is not yours to see."""

    status = HTTPStatus.NOT_FOUND
    slug = "not-found"


class Conflict(Problem):
    """It cannot be done in the present state."""


class Stale(Problem):
    """Somebody changed it since you read it: read again."""

    status = HTTPStatus.PRECONDITION_FAILED
    slug = "stale"


class Invalid(Problem):
    """What was sent is wrong."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "invalid"


class Malformed(Problem):
    """The request cannot be read."""

    status = HTTPStatus.BAD_REQUEST
    slug = "malformed"


class Unauthenticated(Problem):
    """A valid bearer token or API key is needed."""

    status = HTTPStatus.UNAUTHORIZED
    slug = "unauthenticated"


class Forbidden(Problem):
    """These credentials do not allow it."""

    status = HTTPStatus.FORBIDDEN
    slug = "forbidden"


class TooMany(Problem):
    """Too many requests: wait and try again."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    slug = "too-many-requests"


class TooLarge(Problem):
    """The body is larger than this route takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    slug = "too-large"


class TooSlow(Problem):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    slug = "too-slow"


class InProgress(Problem):
    """The first call with this Idempotency-Key is still running."""

    slug = "in-progress"


class KeyReused(Problem):
    """This Idempotency-Key was used for another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    slug = "key-reused"


class Broken(Problem):
    """It went wrong on our side; the correlation id finds it in the logs."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    slug = "internal"


class Unavailable(Problem):
    """Our database does not answer just now; send the same request again, with the same Idempotency-Key."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    slug = "unavailable"

    def __init__(self) -> None:
        """Says when to come again, in seconds."""
        super().__init__(headers={"Retry-After": "1"})


def summary_of(problem: type[Problem]) -> str:
    """The first line of its docstring."""
    return (problem.__doc__ or problem.slug).strip().splitlines()[0]


def rendered(problem: Problem, path: str) -> Response:
    """The answer for a problem."""
    body: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": path,
    }
    if problem.errors:
        body["errors"] = [{"field": error.field, "detail": error.detail} for error in problem.errors]
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


async def on_problem(request: Request, exc: Exception) -> Response:
    """FastAPI's handler for `Problem`."""
    assert isinstance(exc, Problem)  # noqa: S101 - registered for Problem only
    return rendered(exc, request.url.path)


async def on_invalid_request(request: Request, exc: Exception) -> Response:
    """FastAPI's handler for what its validation refuses: every wrong field by its path."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - registered for it only
    errors = [
        FieldError(field_path(error["loc"]), str(error["msg"]).removeprefix("Value error, ")) for error in exc.errors()
    ]
    if any(error["type"] == "json_invalid" for error in exc.errors()):
        return rendered(Malformed("the body is not JSON", errors=errors), request.url.path)
    return rendered(Invalid("; ".join(f"{e.field}: {e.detail}" for e in errors[:5]), errors=errors), request.url.path)


async def on_http_error(request: Request, exc: Exception) -> Response:
    """FastAPI's handler for its own errors: 404 of no route, 405, 413 and whatever a body guard refused."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - registered for it only
    cause = exc.__cause__
    return rendered(cause if isinstance(cause, Problem) else of_status(exc), request.url.path)


async def on_broken(request: Request, exc: Exception) -> Response:
    """FastAPI's handler for what nobody expected; it goes on to the edge, which logs it."""
    passes = kind_of(exc) is Kind.TRANSIENT and not isinstance(exc, asyncpg.UniqueViolationError | IntegrityError)
    return rendered(Unavailable() if passes else Broken(), request.url.path)


def of_status(exc: HTTPException) -> Problem:
    """A problem for a bare HTTP status."""
    status = HTTPStatus(exc.status_code)
    named = {
        kind.status: kind for kind in (NotFound, Malformed, TooLarge, TooSlow, TooMany, Unauthenticated, Forbidden)
    }
    kind: type[Problem] = named.get(status) or type(
        "Other",
        (Problem,),
        {"status": status, "slug": status.phrase.lower().replace(" ", "-"), "__doc__": status.phrase},
    )
    return kind(headers=exc.headers)


def field_path(location: Sequence[str | int]) -> str:
    """`("body", "lines", 2, "quantity")` as `lines[2].quantity`; parameters keep their own name."""
    path = ""
    for step in location[1:] if len(location) > 1 else location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def documented(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that may answer with these problems."""
    found: dict[int | str, dict[str, Any]] = {}
    for problem in problems:
        entry = found.setdefault(
            problem.status.value,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {}}},
            },
        )
        summary = summary_of(problem)
        entry["description"] = f"{entry['description']} {summary}".strip()
        entry["content"][MEDIA_TYPE]["examples"][problem.slug] = {"summary": summary, "value": example_of(problem)}
    return found


def example_of(problem: type[Problem]) -> dict[str, Any]:
    """What it looks like on the wire."""
    return {
        "type": f"/problems/{problem.slug}",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": summary_of(problem),
        "instance": "/v1/...",
    }


SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "Stable, for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For a person."},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}
