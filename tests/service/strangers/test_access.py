"""Every route times every role: what docs/access.md says is what happens."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from deploy import access_page
from deploy.system import PROCESSES
from libs.service.access import OPEN_PAGES, routes_of
from libs.service.roles import ROLES
from libs.service.testing import credentials
from tests.service.strangers.door import CUSTOMER, Door, Operation, bearer, every_role, token

PAGE = Path(access_page.__file__).parent.parent / "docs" / "access.md"
KEPT_OUT = (401, 403)


def written() -> dict[tuple[str, str, str], access_page.Row]:
    """The table, as a reader of the repository finds it."""
    return {(row.service, row.method, row.path): row for row in access_page.read(PAGE.read_text(encoding="utf-8"))}


async def statuses(door: Door, operation: Operation) -> dict[str, int]:
    """How each role fares: a body that is no order, seller or anything goes no further than the door."""
    answers = {role: await door.say(operation, b"[]", head | {"Authorization": head.get("Authorization", "")})
               for role, head in every_role().items()}  # fmt: skip
    return {role: answer.status_code for role, answer in answers.items()}


async def test_every_route_lets_in_exactly_the_roles_that_the_table_names(door: Door) -> None:
    table = written()
    for operation in door.operations():
        row = table.pop((door.name, operation.method.upper(), operation.path))
        found = await statuses(door, operation)
        where = f"{operation.method} {operation.path}: {found}"
        if row.asks == "signature":
            assert set(found.values()) <= {400, 401, 422}, where
            continue
        if row.asks == "anybody":
            assert not set(found.values()) & set(KEPT_OUT), where
            continue
        assert found.pop("") == 401, where
        for status, said in zip(found.values(), row.roles, strict=True):
            assert (status == 403) == (said == "no"), where
            assert status != 401, where
        for wrong in ({"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}, {"X-API-Key": "wrong"}):
            answer = await door.say(operation, b"[]", {"Authorization": "", **wrong})
            assert (answer.status_code, answer.json()["type"]) == (401, "/problems/unauthenticated"), where
    assert [key for key in table if key[0] == door.name] == [], "the table names what is not there"


def test_the_table_names_every_route_of_every_service_and_no_other() -> None:
    known = [(process.name, *each) for process in PROCESSES for each in _routes(process.module)]
    assert sorted(known) == sorted(written())
    assert {cell for row in written().values() for cell in row.roles} == {"yes", "own", "no"}


def _routes(module: str) -> list[tuple[str, str]]:
    service = import_module(f"{module}.__main__").service
    return [(method, route.path) for router in service.routers for route in router.routes for method in route.methods]


async def test_nothing_else_is_served_than_the_table_and_the_open_pages(door: Door) -> None:
    """Routes hidden from the OpenAPI document count too."""
    known = {path for service, _, path in written() if service == door.name}
    assert set(_paths(_app(door.api.app).routes)) == known | set(OPEN_PAGES)
    for page in OPEN_PAGES:
        answer = await door.api.as_role("").get(page)
        assert answer.status_code not in KEPT_OUT, page


def _app(app: Any) -> FastAPI:
    while not isinstance(app, FastAPI):
        app = app.app
    return app


def _paths(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        if inner := getattr(route, "original_router", None):  # a router as it was included
            yield from _paths(inner.routes)
        else:
            yield route.path


async def test_a_route_that_does_not_say_who_may_call_it_starts_no_service() -> None:
    router = APIRouter()

    @router.get("/v1/everything")
    async def everything() -> None:
        """Somebody forgot."""

    with pytest.raises(ValueError, match="/v1/everything does not say who may call it"):
        routes_of([router])
    assert isinstance(router.routes[0], APIRoute)


async def test_scopes_beside_the_role_open_that_door_alone(door: Door) -> None:
    """A token of no role and one scope: exactly the routes that ask for it."""
    table = written()
    scopes = sorted({row.asks.split(",")[0].strip("`") for row in table.values() if row.asks.startswith("`")})
    for operation in door.operations():
        row = table[door.name, operation.method.upper(), operation.path]
        if not row.asks.startswith("`"):
            continue
        asked = set(row.asks.split(",")[0].replace("`", "").split())
        for scope in scopes:
            answer = await door.say(operation, b"[]", bearer(token("", roles=None, scope=scope)))
            assert (answer.status_code == 403) == (asked != {scope}), (operation, scope)


async def test_a_key_with_the_scope_of_a_customer_is_no_customer(orders: Door) -> None:
    for path in ("/v1/orders", f"/v1/orders/{CUSTOMER}"):
        assert (await orders.api.as_role("").get(path, headers=credentials("customer"))).status_code == 403
        own = await orders.api.as_role("").get(path, headers=bearer(token("customer")))
        assert own.status_code == (200 if path == "/v1/orders" else 404)
    assert set(ROLES) >= {"customer"}
