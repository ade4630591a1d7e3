"""The way in: answers, problems, limits, health."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from deploy.ports import free_port
from libs.events.open_bus import open_bus
from libs.service.testing import ServiceClient, running, until
from tests.databases import Databases
from tests.service.kit.sample.service import sample

JSON = {"Content-Type": "application/json"}


async def test_a_command_commits_before_it_answers_and_its_fact_is_published(sample_url: str, bus_url: str) -> None:
    correlation = uuid4()
    async with running(sample, sample_url, bus_url) as api:
        made = await api.post("/v1/mugs", json={"name": "blue"}, headers={"X-Correlation-Id": str(correlation)})
        assert made.status_code == 201
        assert made.headers["etag"] == '"1"'
        assert made.headers["x-correlation-id"] == str(correlation)
        read = await api.get(made.headers["location"])
        assert read.json() == made.json()
        bus = open_bus(bus_url)
        (record,) = await until(lambda: bus.read("mug.made"))
        await bus.close()
    headers = {name: value.decode() for name, value in record.headers}
    assert json.loads(record.value) == {"id": made.json()["id"], "name": "blue"}
    assert (headers["ce_correlationid"], headers["ce_actor"]) == (str(correlation), "key:development-manager")


async def test_a_correlation_id_that_is_none_is_replaced(api: ServiceClient) -> None:
    answer = await api.get("/v1/mugs", headers={"X-Correlation-Id": "robert'); drop table"})
    assert UUID(answer.headers["x-correlation-id"]).version == 7


async def test_a_lost_update_is_refused(api: ServiceClient) -> None:
    place = (await api.post("/v1/mugs", json={"name": "blue"})).headers["location"]
    red = await api.put(place, json={"name": "red"}, headers={"If-Match": '"1"'})
    assert (red.status_code, red.headers["etag"]) == (200, '"2"')
    late = await api.put(place, json={"name": "green"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["type"], late.headers["etag"]) == (412, "/problems/stale", '"2"')
    assert (await api.get(place)).json()["name"] == "red"
    assert (await api.put(place, json={"name": "green"}, headers={"If-Match": "*"})).status_code == 200
    assert (await api.put(place, json={"name": "grey"}, headers={"If-Match": "yesterday"})).status_code == 422


async def test_a_list_is_read_page_by_page(api: ServiceClient) -> None:
    for name in ("a", "b", "b", "c", "d"):
        await api.post("/v1/mugs", json={"name": name})
    found, after = [], None
    for _ in range(3):
        page = (await api.get("/v1/mugs", params={"limit": 2, **({"after": after} if after else {})})).json()
        found += [mug["name"] for mug in page["items"]]
        after = page["next"]
    assert (found, after) == (["a", "b", "b", "c", "d"], None)


@pytest.mark.parametrize(
    "query", ["after=x", "after=WzEsMl0", "limit=0", "limit=201", "limit=x", "after=%00", "after=%ff"]
)
async def test_a_query_that_makes_no_sense_is_422(api: ServiceClient, query: str) -> None:
    answer = await api.get(f"/v1/mugs?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


REFUSED: list[tuple[Any, int, str]] = [
    ({}, 422, "name"),
    ({"name": ""}, 422, "name"),
    ({"name": "x" * 101}, 422, "name"),
    ({"name": "x", "colour": "blue"}, 422, "colour"),
    ({"name": "x", "handles": [{"turns": 1}, {"turns": "many"}]}, 422, "handles[1].turns"),
    ({"name": "x", "handles": [{"turns": 10**30}]}, 422, "handles[0].turns"),
    ({"name": "a\0b"}, 422, "name"),
    ({"name": "a\x1bb"}, 422, "name"),
    ({"name": "a\x85b"}, 422, "name"),
    ({"name": "x", "attributes": {"a": [{"b": "c\0"}]}}, 422, "attributes.a[0].b"),
    ({"name": "x", "attributes": {"\0": 1}}, 422, "attributes"),
    (b'{"name": "half \\ud83d"}', 422, "name"),
    (b'{"name": "x", "attributes": {"a": NaN}}', 400, ""),
    (b'{"name": "x", "attributes": {"a": 1e999}}', 422, "attributes.a"),
    (b'{"name": "x"', 400, ""),
    (b"", 422, ""),
    (b"[" * 100_000, 400, ""),
    (b'{"name": "x", "attributes": {"a": ' + b"[" * 30 + b"]" * 30 + b"}}", 400, ""),
    (b'{"name": "\xff"}', 400, ""),
    ('{"name": "x"}'.encode("utf-16"), 400, ""),
]


@pytest.mark.parametrize(("body", "status", "field"), REFUSED, ids=range(len(REFUSED)))
async def test_a_body_that_makes_no_sense_names_the_field(
    api: ServiceClient, sample_url: str, body: Any, status: int, field: str
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=field == "colour").encode()
    answer = await api.post("/v1/mugs", content=content, headers=JSON)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["instance"] == "/v1/mugs"
    if field:
        assert field in {error["field"] for error in problem["errors"]}


async def test_ordinary_text_of_every_kind_comes_through(api: ServiceClient) -> None:
    for name in ("Șțăâî", "☕ cană", "line\nbreak\ttab", 'quote " and \\u0000', "[{" * 30):
        for ascii_only in (True, False):
            body = json.dumps({"name": name}, ensure_ascii=ascii_only).encode()
            answer = await api.post("/v1/mugs", content=body, headers=JSON)
            assert (answer.status_code, answer.json().get("name")) == (201, name)


async def test_a_body_larger_than_the_route_takes_is_413(api: ServiceClient) -> None:
    body = b'{"name": "' + b"x" * 1_100_000 + b'"}'
    answers = [await api.post("/v1/mugs", content=body, headers=JSON)]

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    answers.append(await api.post("/v1/mugs", content=chunks(), headers=JSON))
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
        assert answer.headers["x-correlation-id"]
    large = json.dumps([{"name": "x" * 90}] * 20_000).encode()
    assert len(large) > 2_000_000
    allowed = await api.post("/v1/mugs/batch", content=large, headers=JSON)
    assert allowed.json() == {"mugs": 20_000}


async def test_a_body_that_comes_too_slowly_is_408(sample_url: str, bus_url: str) -> None:
    async def drip() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await asyncio.sleep(30)
        yield b'"late"}'

    async with running(sample, sample_url, bus_url, parts=("api",), body_within="PT0.2S") as api:
        answer = await api.post("/v1/mugs", content=drip(), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (408, "/problems/too-slow")


async def test_unknown_paths_and_methods_are_problems_too(api: ServiceClient) -> None:
    assert (await api.get("/v1/nothing")).json()["type"] == "/problems/not-found"
    wrong = await api.delete("/v1/mugs")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert wrong.headers["allow"]
    assert (await api.get(f"/v1/mugs/{uuid4()}")).status_code == 404
    assert (await api.get("/v1/mugs/7")).json()["errors"][0]["field"] == "mug_id"


async def test_what_breaks_is_a_500_without_its_inside(api: ServiceClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = await api.post("/v1/mugs", json={"name": "broken"})
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert (answer.headers["content-type"], answer.json()["type"]) == ("application/problem+json", "/problems/internal")
    assert answer.headers["x-correlation-id"]
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


async def test_too_many_requests_of_one_principal_are_429_and_others_go_on(sample_url: str, bus_url: str) -> None:
    limits: dict[str, Any] = {
        "requests_per_second": 0.01,
        "requests_burst": 3,
        "public_per_second": 0.01,
        "public_burst": 2,
    }
    async with running(sample, sample_url, bus_url, parts=("api",), **limits) as api:
        statuses = [(await api.get("/v1/mugs")).status_code for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await api.get("/v1/mugs")).headers["retry-after"]
        assert (await api.as_role("operator").get("/v1/mugs")).status_code == 200
        nobody = api.as_role("")
        assert [(await nobody.get("/v1/mugs")).status_code for _ in range(3)] == [401, 401, 429]
        assert (await nobody.get("/v1/mugs/open/door")).status_code == 429


async def test_while_the_database_is_away_the_same_request_may_be_sent_again(bus_url: str) -> None:
    away = f"postgresql://nobody@127.0.0.1:{free_port()}/sample"
    async with running(sample, away, bus_url, parts=("api",)) as api:
        answer = await api.post("/v1/mugs", json={"name": "blue"})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert answer.headers["retry-after"] == "1"


async def test_health_says_what_is_missing(sample_url: str, bus_url: str, database: Databases) -> None:
    async with running(sample, sample_url, bus_url, parts=("api",)) as api:
        assert (await api.get("/health/live")).status_code == 200
        ready = await api.get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]) == (200, {"database": "ok", "bus": "ok"})
        admin = await asyncpg.connect(sample_url)
        await admin.execute("DELETE FROM alembic_version")
        await admin.close()
        behind = await api.get("/health/ready")
        assert (behind.status_code, behind.json()["checks"]["database"]) == (503, "migrations are not current")
    nowhere = f"{sample_url.rsplit('/', 1)[0]}/nowhere"
    async with running(sample, nowhere, nowhere, parts=("api",)) as api:
        lost = await api.get("/health/ready")
        assert lost.status_code == 503
        assert set(lost.json()["checks"]) == {"database", "bus"}
        assert "ok" not in lost.json()["checks"].values()
        assert (await api.get("/health/live")).status_code == 200


async def test_metrics_count_by_route_template(api: ServiceClient) -> None:
    await api.get(f"/v1/mugs/{uuid4()}")
    text = (await api.as_role("").get("/metrics")).text
    assert 'comanda_requests_total{method="GET",route="/v1/mugs/{mug_id}",service="sample",status="404"}' in text
    assert "comanda_request_seconds_bucket" in text


async def test_the_access_log_holds_no_path_query_or_body(api: ServiceClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "comanda.access")
    await api.put("/v1/mugs/0198a0c0-0000-7000-8000-000000000000?q=secret-query", json={"name": "secret-body"})
    (line,) = [record for record in caplog.records if record.name == "comanda.access"]
    told = vars(line)
    assert (told["route"], told["status"], told["method"]) == ("/v1/mugs/{mug_id}", 404, "PUT")
    assert not any(secret in str(told) for secret in ("secret-query", "secret-body", "0198a0c0"))
