"""OpenAPI and its pages: complete, with stable names, and readable on a machine without internet."""

from collections import Counter
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles

from libs.service import problems
from libs.service.examples import example_of
from libs.service.idempotency import HEADER

ASSETS = Path(fastapi_offline.__file__).parent / "static"
_USUAL = (problems.Malformed, problems.TooLarge, problems.TooMany, problems.Unavailable)
_GUARDED = (problems.Unauthenticated, problems.Forbidden)
_KEYED = (problems.InProgress, problems.KeyReused, problems.Stale)


def operation_id(route: APIRoute) -> str:
    """The route function's own name: stable as long as nobody renames it."""
    return route.name


def add_pages(app: FastAPI) -> None:
    """Serve `/docs` with its scripts from an installed package."""
    app.mount("/docs/assets", StaticFiles(directory=ASSETS), name="documentation")

    @app.get("/docs", include_in_schema=False)
    async def documentation() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )


def describe(app: FastAPI) -> None:
    """Complete the OpenAPI document with what every route of the house does."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _complete(schema)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way


def _complete(schema: dict[str, Any]) -> None:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = problems.SCHEMA
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    names = Counter(operation["operationId"] for path in schema["paths"].values() for operation in path.values())
    if twice := [name for name, times in names.items() if times > 1]:
        raise ValueError(f"two routes have one name: {', '.join(twice)}")
    for path in schema["paths"].values():
        for method, operation in path.items():
            _complete_operation(method, operation)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if not {"example", "examples"} & set(content):
                    content["example"] = example_of(content.get("schema", {}), schemas)


def _complete_operation(method: str, operation: dict[str, Any]) -> None:
    guarded = bool(operation.get("security"))
    mutating = method in {"post", "put", "patch", "delete"}
    kinds = [*_USUAL, problems.Invalid, *(_GUARDED if guarded else ()), *(_KEYED if guarded and mutating else ())]
    responses = operation.setdefault("responses", {})
    if "content" in responses.get("422", {}) and "application/json" in responses["422"]["content"]:
        del responses["422"]  # FastAPI's own form of it is not ours
    for status, documented in problems.documented(*kinds).items():
        own = responses.setdefault(str(status), documented)
        if own is not documented:
            examples = own.get("content", {}).get(problems.MEDIA_TYPE, {}).setdefault("examples", {})
            for slug, example in documented["content"][problems.MEDIA_TYPE]["examples"].items():
                examples.setdefault(slug, example)
    operation.setdefault("parameters", []).append(
        _header("X-Correlation-Id", {"type": "string"}, "A UUID, found again in logs, facts and traces; else replaced.")
    )
    if guarded and mutating:
        text = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[\x21-\x7e]+$"}
        operation["parameters"] += [
            _header(
                HEADER, text, "The committed answer of the first call is given again to every later one, for 30 days."
            ),
            _header(
                "If-Match",
                {"type": "string", "pattern": r'^(\*|(W/)?"?\d{1,18}"?)$'},
                "The ETag that was read; 412 if it changed.",
            ),
        ]


def _header(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}
