"""The client of the demo: what is safe to repeat is repeated under its one key, what is refused is said."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from demo import api as client
from demo.api import Api, NotReachableError, RefusedError


@asynccontextmanager
async def answering(*replies: httpx.Response | Exception) -> AsyncIterator[tuple[Api, list[httpx.Request]]]:
    """A client whose services answer this, one after another."""
    waiting, asked = iter(replies), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        reply = next(waiting)
        if isinstance(reply, Exception):
            raise reply
        return reply

    api = Api(dict.fromkeys(client.PORTS, "http://there"), {"manager": "key"})
    await api._http.aclose()
    api._http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    async with api:
        yield api, asked


def _json(status: int, body: object) -> httpx.Response:
    return httpx.Response(status, headers={"content-type": "application/json"}, content=json.dumps(body))


async def test_a_call_that_met_nobody_or_somebody_busy_is_made_again_under_its_key() -> None:
    busy = _json(409, {"type": "/problems/in-progress"})
    replies = (httpx.ConnectError("away"), _json(503, {}), busy, _json(201, {"id": 1}))
    async with answering(*replies) as (api, asked):
        assert await api.call("orders", "POST", "/v1/orders", {}, key="once") == (201, {"id": 1})
    assert [request.headers["Idempotency-Key"] for request in asked] == ["once"] * 4


async def test_a_refusal_is_not_repeated() -> None:
    async with answering(_json(409, {"type": "/problems/conflict"})) as (api, asked):
        with pytest.raises(RefusedError, match="conflict"):
            await api.call("orders", "POST", "/v1/orders", {})
    assert len(asked) == 1


async def test_all_pages_are_read() -> None:
    pages = (_json(200, {"items": [1, 2], "next": "x"}), _json(200, {"items": [3], "next": None}))
    async with answering(*pages) as (api, asked):
        assert await api.every("orders", "/v1/orders?channel=web") == [1, 2, 3]
    assert asked[1].url.query == b"channel=web&limit=200&after=x"


async def test_a_service_that_stays_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.0)
    async with answering(*(httpx.ConnectError("away") for _ in range(5))) as (api, _):
        with pytest.raises(NotReachableError, match="orders does not answer"):
            await api.call("orders", "GET", "/v1/orders")


async def test_no_system_is_said_with_how_to_start_one() -> None:
    async with answering(httpx.ConnectError("away")) as (api, _):
        with pytest.raises(NotReachableError, match="make run"):
            await api.reachable()
