"""B9: the first committed answer of an Idempotency-Key is given again, and nothing is done twice."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from httpx import Response

from libs.events.transaction import Cause
from libs.service import idempotency
from libs.service.testing import ServiceClient, until
from tests.service.kit.sample import service as sample


async def make(api: ServiceClient, name: str, key: str | None, **body: Any) -> Response:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return await api.post("/v1/mugs", json={"name": name, **body}, headers=headers)


async def count(url: str, what: str = "mug") -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {what}"))  # noqa: S608 - a test's own table
    finally:
        await connection.close()


@pytest.fixture
def pause() -> Iterator[asyncio.Event]:
    """Holds the making of a mug called `slow` inside its transaction until set."""
    event = asyncio.Event()
    sample.pauses["slow"] = event
    yield event
    sample.pauses.clear()


async def test_b9_the_first_committed_answer_is_replayed(api: ServiceClient, sample_url: str) -> None:
    first = await make(api, "blue", "k1")
    again = await make(api, "blue", "k1")
    assert first.status_code == again.status_code == 201
    assert again.content == first.content
    assert {again.headers[name] for name in ("etag", "location")} == {
        first.headers[name] for name in ("etag", "location")
    }
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (await count(sample_url), await count(sample_url, "outbox")) == (1, 1)


async def test_b9_without_a_key_every_call_is_its_own(api: ServiceClient, sample_url: str) -> None:
    await make(api, "blue", None)
    await make(api, "blue", None)
    assert await count(sample_url) == 2


async def test_b9_the_same_key_with_another_body_is_refused(api: ServiceClient, sample_url: str) -> None:
    await make(api, "blue", "k1")
    other = await make(api, "red", "k1")
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/key-reused"
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await count(sample_url) == 1


async def test_b9_the_same_key_on_another_thing_is_refused(api: ServiceClient) -> None:
    mugs = [(await make(api, name, None)).json()["id"] for name in ("blue", "red")]
    headers = {"Idempotency-Key": "k1"}
    assert (await api.put(f"/v1/mugs/{mugs[0]}", json={"name": "x"}, headers=headers)).status_code == 200
    assert (await api.put(f"/v1/mugs/{mugs[1]}", json={"name": "x"}, headers=headers)).status_code == 422


async def test_b9_keys_of_two_principals_or_routes_are_two_keys(api: ServiceClient, sample_url: str) -> None:
    await make(api, "blue", "k1")
    assert (await make(api.as_role("operator"), "red", "k1")).status_code == 201
    secret = await api.post("/v1/mugs/secrets", headers={"Idempotency-Key": "k1"})
    assert secret.status_code == 200
    assert await count(sample_url) == 2


async def test_b9_two_at_once_do_it_once_and_the_second_gets_the_answer(
    api: ServiceClient, sample_url: str, pause: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAITS", "60s")  # a slow machine is no refusal here
    calls = [asyncio.create_task(make(api, "slow", "k1")) for _ in range(5)]
    await until(lambda: _waiting(sample_url, 4))
    pause.set()
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 4
    assert await count(sample_url) == 1


async def test_b9_a_second_call_that_waited_too_long_gets_409(
    api: ServiceClient, sample_url: str, pause: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAITS", "300ms")
    first = asyncio.create_task(make(api, "slow", "k1"))
    await until(lambda: _claimed(sample_url))
    second = await make(api, "slow", "k1")
    assert second.status_code == 409
    assert second.json()["type"] == "/problems/in-progress"
    assert second.headers["retry-after"] == "1"
    pause.set()
    assert (await first).status_code == 201
    assert (await make(api, "slow", "k1")).headers["idempotency-replayed"] == "true"


def test_b9_the_wait_is_five_seconds() -> None:
    assert idempotency.WAITS == "5s"


async def test_b9_the_time_out_concerns_the_first_statement_alone(api: ServiceClient) -> None:
    key = idempotency.Key("key:test", "POST /", "k1", b"hash")
    async with api.context.uow(Cause("system:test")) as tx:
        await idempotency.begin(tx, key)
        assert await tx.sql.fetchval("SHOW lock_timeout") == "0"


async def test_b9_a_second_call_whose_first_was_refused_is_judged_anew(
    api: ServiceClient, sample_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = await make(api, "refused", "k1")
    assert refused.status_code == 409
    assert await count(sample_url, "idempotency_key") == 0
    fixed = await make(api, "blue", "k1")  # another body: a refusal leaves no trace of the key
    assert fixed.status_code == 201


async def test_b9_a_broken_or_unanswered_command_stores_nothing(api: ServiceClient, sample_url: str) -> None:
    for name in ("broken", "unanswered"):
        answer = await make(api, name, "k1")
        assert answer.status_code == 500
    assert (await count(sample_url), await count(sample_url, "idempotency_key")) == (0, 0)


async def test_b9_a_failing_commit_answers_500_and_stores_nothing(api: ServiceClient, sample_url: str) -> None:
    connection = await asyncpg.connect(sample_url)
    await connection.execute(
        """
        CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END';
        CREATE CONSTRAINT TRIGGER late AFTER INSERT ON mug DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION no()
        """
    )
    assert (await make(api, "blue", "k1")).status_code == 500
    assert (await count(sample_url), await count(sample_url, "idempotency_key")) == (0, 0)
    await connection.execute("DROP TRIGGER late ON mug")
    await connection.close()
    assert (await make(api, "blue", "k1")).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 201])
async def test_b9_a_key_that_is_none_is_refused(api: ServiceClient, key: str) -> None:
    answer = await api.post("/v1/mugs", json={"name": "blue"}, headers=[(b"Idempotency-Key", key.encode("utf-8"))])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


async def test_b9_keys_are_forgotten_after_thirty_days(api: ServiceClient, sample_url: str) -> None:
    for key in ("old", "new"):
        await make(api, "blue", key)
    connection = await asyncpg.connect(sample_url)
    await connection.execute("UPDATE idempotency_key SET at = now() - interval '31 days' WHERE key = 'old'")
    assert await idempotency.clean(api.context.uow) == 1
    assert await connection.fetchval("SELECT key FROM idempotency_key") == "new"
    await connection.close()


async def _waiting(url: str, number: int) -> bool:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(found >= number)
    finally:
        await connection.close()


async def _claimed(url: str) -> bool:
    """Whether a transaction of the API holds a row of the key table; in copies of a database it has the same oid."""
    connection = await asyncpg.connect(url)
    try:
        return bool(
            await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE relation = 'idempotency_key'::regclass"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND mode = 'RowExclusiveLock'"
            )
        )
    finally:
        await connection.close()
