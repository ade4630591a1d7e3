"""The HTTP side of a service, from its description."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from libs.service import documentation, problems, telemetry
from libs.service.access import routes_of
from libs.service.edge import Edge
from libs.service.idempotency import Replayed
from libs.service.limits import BodyGuard
from libs.service.migrations import is_current
from libs.service.service import Context, Service
from libs.service.table import Api

CHECK_WITHIN = 3.0


def make_app(service: Service[Any], context: Context[Any]) -> ASGIApp:
    """The whole API with its limits, errors, health, metrics and documentation. Nothing is connected yet.

    ValueError where a route does not say who may call it.
    """
    routes_of(service.routers)
    app = Api(
        title=f"Comanda {service.name}",
        version="1",
        description=service.description,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=documentation.operation_id,
        max_body_size=context.settings.max_body,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},  # the edge does it
        redirect_slashes=False,
    )
    app.state.context = context
    for router in service.routers:
        app.include_router(router)
    _add_errors(app, service.name)
    _add_health(app, service, context)
    documentation.add_pages(app)
    documentation.describe(app)
    guarded = BodyGuard(app, context.settings.body_within, context.settings.max_body)
    return Edge(guarded, service.name, lambda: context.leaving)


def make_health_app(service: Service[Any], context: Context[Any]) -> ASGIApp:
    """Only /health/live, /health/ready and /metrics: for a worker or a relay that runs by itself."""
    app = FastAPI(title=f"Comanda {service.name}", docs_url=None, redoc_url=None, openapi_url=None)
    _add_health(app, service, context)
    return app


def _add_errors(app: FastAPI, service: str) -> None:
    async def replayed(_: Request, exc: Exception) -> Response:
        assert isinstance(exc, Replayed)  # noqa: S101 - registered for it only
        telemetry.REPLAYS.labels(service).inc()
        return exc.response

    app.add_exception_handler(problems.Problem, problems.on_problem)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(Replayed, replayed)
    app.add_exception_handler(Exception, problems.on_broken)


def _add_health(app: FastAPI, service: Service[Any], context: Context[Any]) -> None:
    async def database() -> None:
        if not await is_current(context.uow.engine, service.migrations):
            raise RuntimeError("migrations are not current")

    async def bus() -> None:
        await context.bus.identity()

    checks: dict[str, Callable[[], Awaitable[None]]] = {"database": database, "bus": bus}

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        if context.leaving:
            return JSONResponse({"status": "told to stop", "checks": {}}, 503)
        found = dict(zip(checks, await asyncio.gather(*map(_checked, checks.values())), strict=True))
        fine = all(state == "ok" for state in found.values())
        return JSONResponse({"status": "ready" if fine else "not ready", "checks": found}, 200 if fine else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _checked(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_WITHIN):
            await check()
    except TimeoutError:
        return "does not answer"
    except RuntimeError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is not ready
        return type(error).__name__
    return "ok"
