"""A route is found by its address as FastAPI finds it, with FastAPI's own answers where there is none."""

from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter, Response

from libs.service.limits import BodyGuard
from libs.service.problems import NotFound, Problem, on_problem
from libs.service.table import Api

router = APIRouter(prefix="/v1/mugs")
asked: list[str] = []


@router.get("/plain")
async def before() -> str:
    return "before"


@router.get("/{mug_id}")
async def one(mug_id: str) -> str:
    return f"one {mug_id}"


@router.get("/shadowed")
async def shadowed() -> str:
    return "never"


@router.delete("/{mug_id}/handle")
async def handle(mug_id: str) -> str:
    raise NotFound(f"{mug_id} has none")


@router.post("/large", max_body_size=4000)
async def large() -> Response:
    asked.append("large")
    return Response(status_code=204)


@router.post("/small")
async def small() -> Response:
    asked.append("small")
    return Response(status_code=204)


@pytest.fixture
def http() -> httpx.AsyncClient:
    app = Api(max_body_size=1000, redirect_slashes=False)
    app.include_router(router)
    app.add_exception_handler(Problem, on_problem)
    guarded = BodyGuard(app, timedelta(seconds=5), 1000)
    return httpx.AsyncClient(transport=httpx.ASGITransport(guarded), base_url="http://service")


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v1/mugs/plain", 200, '"before"'),
        ("GET", "/v1/mugs/shadowed", 200, '"one shadowed"'),
        ("GET", "/v1/mugs/a%20b", 200, '"one a b"'),
        ("GET", "/v1/mugs/a/b", 404, '{"detail":"Not Found"}'),
        ("GET", "/v1/mugs/", 404, '{"detail":"Not Found"}'),
        ("GET", "/v1/mugs/plain/", 404, '{"detail":"Not Found"}'),
        ("PUT", "/v1/mugs/plain", 405, '{"detail":"Method Not Allowed"}'),
        ("GET", "/openapi.json", 200, None),
    ],
)
async def test_an_address_finds_its_first_route(
    http: httpx.AsyncClient, method: str, path: str, status: int, body: str | None
) -> None:
    async with http:
        answer = await http.request(method, path)
    assert answer.status_code == status
    assert body in (None, answer.text)


async def test_a_problem_of_a_route_is_rendered(http: httpx.AsyncClient) -> None:
    async with http:
        answer = await http.delete("/v1/mugs/blue/handle")
    assert (answer.status_code, answer.json()["detail"]) == (404, "blue has none")


async def test_a_body_announced_too_large_is_refused_before_anything_is_done(http: httpx.AsyncClient) -> None:
    asked.clear()
    async with http:
        codes = [
            (await http.post(f"/v1/mugs/{name}", content=b"x" * size)).status_code
            for name, size in (("small", 1000), ("small", 1001), ("large", 4000), ("large", 4001))
        ]
    assert codes == [204, 413, 204, 413]
    assert asked == ["small", "large"]
