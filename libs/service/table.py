"""Which route a request is for: looked up by method and address, where FastAPI would ask one route after the other."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from re import Pattern
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import Receive, Scope, Send

from libs.service.limits import Guarded


@dataclass(frozen=True, slots=True)
class Entry:
    """A route: what answers a request for it, and how large a body it takes where it says so itself."""

    route: APIRoute
    address: Pattern[str]
    answer: Callable[[Request], Awaitable[Response]]
    max_body: int | None


class Table:
    """The routes of an app. Of several that an address fits, the first one is found, as FastAPI finds it."""

    def __init__(self, app: FastAPI) -> None:
        """Knows the routes that `app` has now; whatever else it serves is found by itself alone."""
        self._fixed: dict[tuple[str, str], Entry] = {}
        self._open: dict[tuple[str, int], list[Entry]] = {}
        for context in iter_route_contexts(app.routes):
            if isinstance(context.original_route, APIRoute):
                self._add(context.original_route)

    def _add(self, route: APIRoute) -> None:
        entry = Entry(route, route.path_regex, route.get_route_handler(), route.max_body_size)
        steps = route.path_format.count("/")
        for method in route.methods or ():
            fitting = self._open.setdefault((method, steps), [])
            if route.param_convertors:
                fitting.append(entry)
            elif not any(each.address.match(route.path_format) for each in fitting):
                self._fixed.setdefault((method, route.path_format), entry)

    def find(self, method: str, path: str) -> tuple[Entry, dict[str, Any]] | None:
        """The route, and what its address holds; None where no route has both this address and this method."""
        if (entry := self._fixed.get((method, path))) is not None:
            return entry, {}
        for entry in self._open.get((method, path.count("/")), ()):
            if (match := entry.address.match(path)) is not None:
                convertors = entry.route.param_convertors
                return entry, {name: convertors[name].convert(text) for name, text in match.groupdict().items()}
        return None


class Api(FastAPI):
    """FastAPI, which serves the routes it has when first called without asking each of them, and without its layers.

    What those layers do, the edge, the body guard and `__call__` do. All else is FastAPI's: reading and checking what
    a route takes, the documentation, answers where no route fits.
    """

    _table: Table | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; an error that nobody answers for goes to the edge."""
        if self._table is None:
            self._table = Table(self)
        found = None
        if scope["type"] == "http" and not scope.get("root_path"):
            found = self._table.find(scope["method"], scope["path"])
        if found is None:
            await super().__call__(scope, receive, send)
            return
        entry, scope["path_params"] = found
        scope["app"], scope["route"], scope["endpoint"] = self, entry.route, entry.route.endpoint
        request = Request(scope, receive, send)
        async with AsyncExitStack() as stack:
            scope["fastapi_middleware_astack"] = stack
            scope["fastapi_inner_astack"] = stack
            scope["fastapi_function_astack"] = stack
            try:
                if isinstance(receive, Guarded):
                    receive.admit(entry.max_body)
                response = await entry.answer(request)
            except Exception as error:
                if (rendering := self._rendering(type(error))) is None:
                    raise
                response = await rendering(request, error)
            await response(scope, receive, send)

    def _rendering(self, kind: type[Exception]) -> Callable[[Request, Exception], Any] | None:
        """Who answers for such an error, if anybody expects it."""
        expected = (each for each in kind.__mro__ if each is not Exception)
        return next((self.exception_handlers[each] for each in expected if each in self.exception_handlers), None)
